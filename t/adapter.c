/* SPDX-License-Identifier: MIT */
/* adapter.c - PEFT folders in and out, and what is refused. */
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "tiny.h"

enum { ROWS = 6 };
static const long order[ROWS] = {0, 1, 2, 3, 4, 5};

static char tmp[] = "/tmp/seal-adapter-XXXXXX";
static struct engine *model;

#ifdef SEAL_SAN
/* A child that dies owns what it has not freed. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "detect_leaks=0"; }
#endif

/* Runs this program anew, to `do_what` with arg: it must exit with status 1 and one line like `want`.
 * (A child that goes on after fork could not use a GPU that its parent has used.) */
static void dies(const char *do_what, const char *arg, const char *want, const char *name)
{
	char text[1024] = "";
	int to[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	fflush(stdout);
	if (pipe(to))
		die("pipe:");
	child = fork();
	if (child < 0)
		die("fork:");
	if (!child) {
		dup2(to[1], 2);
		close(to[0]);
		close(to[1]);
		execl("/proc/self/exe", "adapter.t", do_what, arg, (char *)NULL);
		_exit(127);
	}
	close(to[1]);
	while ((got = read(to[0], text + n, sizeof text - 1 - n)) > 0)
		n += got;
	close(to[0]);
	waitpid(child, &status, 0);
	ok(WIFEXITED(status) && WEXITSTATUS(status) == 1 && strstr(text, want) && strchr(text, '\n') == text + n - 1,
	   "refused: %s", name);
	if (tap_failed)
		printf("# status %d: %s\n", status, text);
}

static void load(const char *dir)
{
	tiny_peft(model, dir);
}

static void make(const char *targets)
{
	tiny_new(model, targets, 4, 8, 1);
}

static void put_file(const char *dir, const char *name, const void *bytes, size_t n)
{
	char *path = xprintf("%s/%s", dir, name);

	zio_save(path, bytes, n);
	free(path);
}

static void remove_folder(const char *dir)
{
	static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors"};

	for (int i = 0; i < 2; i++) {
		char *path = xprintf("%s/%s", dir, files[i]);

		unlink(path);
		free(path);
	}
	rmdir(dir);
}

/* tiny-llama-lora with one key of its configuration set to `value` (JSON). */
static void broken_config(const char *key, const char *value, const char *want)
{
	char *dir = xprintf("%s/broken", tmp), *text, *name;
	json_t *j = json_read_file(GOLD "tiny-llama-lora/adapter_config.json");
	size_t bytes;
	const void *st = zio_map(GOLD "tiny-llama-lora/adapter_model.safetensors", &bytes);

	json_object_set_new(j, key, json_loads(value, JSON_DECODE_ANY, NULL));
	text = json_dumps(j, 0);
	mkdir(dir, 0777);
	put_file(dir, "adapter_config.json", text, strlen(text));
	put_file(dir, "adapter_model.safetensors", st, bytes);
	name = xprintf("%s %s", key, value);
	dies("load", dir, want, name);
	remove_folder(dir);
	zio_unmap(st, bytes);
	json_decref(j);
	free(text);
	free(name);
	free(dir);
}

/* The same with the tensors' bytes from `bytes`. */
static void broken_tensors(const void *tensors, size_t n, const char *want, const char *name)
{
	char *dir = xprintf("%s/broken", tmp);
	size_t bytes;
	const void *config = zio_map(GOLD "tiny-llama-lora/adapter_config.json", &bytes);

	mkdir(dir, 0777);
	put_file(dir, "adapter_config.json", config, bytes);
	put_file(dir, "adapter_model.safetensors", tensors, n);
	dies("load", dir, want, name);
	remove_folder(dir);
	zio_unmap(config, bytes);
	free(dir);
}

static void check_refusals(void)
{
	struct tensor_file t;
	struct st_tensor *list, more;
	struct buf out = {0};
	float x[4] = {0};
	int n;

	dies("make", "q_proj,no_such_proj", "no_such_proj", "an unknown target");
	dies("make", "query_key_value", "query_key_value", "another family's target");
	dies("load", GOLD "no-such-folder", "no-such-folder", "a folder that does not exist");
	broken_config("peft_type", "\"IA3\"", "IA3");
	broken_config("peft_type", "\"PROMPT_TUNING\"", "PROMPT_TUNING");
	broken_config("peft_type", "null", "peft_type");
	broken_config("kasa_config", "{\"beta\": 1}", "kasa_config");
	broken_config("use_bdlora", "{\"nblocks\": 2}", "use_bdlora");
	broken_config("use_qalora", "true", "use_qalora");
	broken_config("trainable_token_indices", "[3]", "trainable_token_indices");
	broken_config("target_parameters", "[\"mlp.experts.gate_up_proj\"]", "target_parameters");
	broken_config("layer_replication", "[[0, 2]]", "layer_replication");
	broken_config("ensure_weight_tying", "true", "ensure_weight_tying");
	broken_config("of_a_later_version", "7", "of_a_later_version");
	broken_config("init_lora_weights", "\"OLoRA\"", "init_lora_weights");
	broken_config("init_lora_weights", "\"pissa_niter_16\"", "path_initial_model_for_weight_conversion");
	broken_config("init_lora_weights", "\"corda\"", "init_lora_weights");
	broken_config("init_lora_weights", "\"loftq\"", "init_lora_weights");
	broken_config("init_lora_weights", "\"lora_ga\"", "init_lora_weights");
	broken_config("init_lora_weights", "7", "init_lora_weights");
	broken_config("bias", "7", "bias");
	broken_config("bias", "\"some\"", "bias");
	broken_config("use_rslora", "\"yes\"", "use_rslora");
	broken_config("use_dora", "true", "q_proj.lora_magnitude_vector is missing");
	broken_config("lora_bias", "true", "q_proj.lora_B.bias is missing");
	broken_config("modules_to_save", "[\"lm_head\"]", "lm_head.weight is missing");
	broken_config("modules_to_save", "[\"norm\"]", "norm.weight is missing");
	broken_config("modules_to_save", "\"lm_head\"", "modules_to_save");
	broken_config("rank_pattern", "{\"q_proj\": 8}", "q_proj.lora_A.weight is not [8 x 32]");
	broken_config("rank_pattern", "{\"q_proj\": 2.5}", "rank_pattern");
	broken_config("rank_pattern", "{\"q_proj\": 0}", "rank_pattern");
	broken_config("rank_pattern", "[8]", "rank_pattern");
	broken_config("rank_pattern", "{\"(\": 4}", "pattern");
	broken_config("alpha_pattern", "{\"q_proj\": \"8\"}", "alpha_pattern");
	broken_config("layers_to_transform", "[0]", "layers.1.");
	broken_config("layers_to_transform", "[true]", "layers_to_transform");
	broken_config("layers_to_transform", "\"all\"", "layers_to_transform");
	broken_config("layers_pattern", "7", "layers_pattern");
	broken_config("exclude_modules", "\".*q_proj\"", "q_proj.lora_A.weight belongs to nothing");
	broken_config("exclude_modules", "[7]", "exclude_modules");
	broken_config("target_modules", "\"(?>q_proj)\"", "pattern");
	broken_config("target_modules", "\"nothing\"", "target_modules");
	broken_config("r", "0", "adapter_config.json");
	broken_config("r", "8", "adapter_model.safetensors");
	broken_config("lora_alpha", "\"much\"", "adapter_config.json");
	broken_config("target_modules", "[\"embed_tokens\"]", "embed_tokens");
	broken_config("target_modules", "[]", "target_modules");
	broken_config("target_modules", "7", "target_modules");
	broken_config("target_modules", "[\"q_proj\", 7]", "target_modules");
	broken_config("target_modules", "[\"q_proj,v_proj\"]", "target_modules");
	broken_config("target_modules", "[\"q_proj\"]", "adapter_model.safetensors");

	tensors_open(&t, GOLD "tiny-llama-lora/adapter_model.safetensors");
	n = t.st.n;
	list = xalloc((n + 1) * sizeof *list);
	memcpy(list, t.st.tensor, n * sizeof *list);
	st_write(&out, list, n - 1, NULL, 0, 0);
	broken_tensors(out.p, out.n, "missing", "a tensor is missing");
	more = (struct st_tensor){.name = "base_model.model.lm_head.lora_A.weight", .type = ST_F32, .rank = 2,
	                          .shape = {2, 2}, .data = x, .bytes = sizeof x};
	list[n] = more;
	out.n = 0;
	st_write(&out, list, n + 1, NULL, 0, 0);
	broken_tensors(out.p, out.n, "adapter_model.safetensors", "a tensor that nothing takes");
	broken_tensors(out.p, out.n / 2, "adapter_model.safetensors", "a file cut short");
	broken_tensors("", 0, "adapter_model.safetensors", "an empty file");
	buf_free(&out);
	free(list);
	tensors_close(&t);
}

/* Saved and loaded again: the same values, losses and settings. */
static void check_round_trip(const char *name, const char *adapter, const struct tokens *rows)
{
	struct engine *m = tiny_open(name, "f32", 2048, 1);
	struct params *a = tiny_adapter(m, adapter), *b;
	char *dir = xprintf("%s/saved", tmp), *template;
	float one[ROWS], two[ROWS], *p = xalloc(a->n * sizeof *p), *q = xalloc(a->n * sizeof *q);
	struct batch batch = tiny_batch(rows, order, ROWS);
	json_t *settings = json_pack("{s:i}", "rank", 4), *config;
	char *path = xprintf("%s/adapter_config.json", dir);

	peft_save(a, dir, name, "chatml", settings);
	b = tiny_peft(m, dir);
	ok(a->n == b->n && a->rank == b->rank && a->alpha == b->alpha, "%s: shape after a round trip", adapter);
	engine_model(m)->dev->op->get(engine_model(m)->dev, p, a->p, a->n * sizeof *p);
	engine_model(m)->dev->op->get(engine_model(m)->dev, q, b->p, b->n * sizeof *q);
	ok(!memcmp(p, q, a->n * sizeof *p), "%s: values after a round trip", adapter);
	engine_loss(m, a, &batch, one);
	engine_loss(m, b, &batch, two);
	ok(!memcmp(one, two, sizeof one), "%s: losses after a round trip", adapter);
	template = peft_template(dir);
	same(template, "chatml", "the template is recorded");
	config = json_read_file(path);
	same(json_text(config, "base_model_name_or_path", ""), name, "the base model is named");
	ok(!json_object_get(a->peft, "exclude_modules") ||
	           json_equal(json_object_get(config, "exclude_modules"), json_object_get(a->peft, "exclude_modules")),
	   "what peft said is said again");
	ok(json_array_size(json_object_get(config, "target_modules")) > 0 ||
	           !strcmp(json_text(config, "target_modules", ""), json_text(a->peft, "target_modules", "?")),
	   "targets are a list, or what they were");
	json_decref(config);
	json_decref(settings);
	remove_folder(dir);
	free(template);
	free(path);
	free(dir);
	free(p);
	free(q);
	params_close(a);
	params_close(b);
	tiny_close(m);
}

static int same_values(const struct params *a, const struct params *b)
{
	float *p = xalloc(a->n * sizeof *p), *q = xalloc(b->n * sizeof *q);
	int same;

	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
	b->dev->op->get(b->dev, q, b->p, b->n * sizeof *q);
	same = !memcmp(p, q, a->n * sizeof *p);
	free(p);
	free(q);
	return same;
}

/* The losses and gradients, against peft's, of adapters whose pairs are not all alike. */
static void check_pairs(const struct tokens *rows, const json_t *json)
{
	json_t *list = json_read_file(GOLD "adapters.json");
	struct tensor_file grad;
	const json_t *said;
	long n = 0;
	size_t i;

	tensors_open(&grad, GOLD "adapters-grad.safetensors");
	json_array_foreach(list, i, said)
	{
		const char *name = json_text(said, "name", "?");
		struct engine *m;
		struct params *a;
		struct batch batch = tiny_batch(rows, order, ROWS);
		struct apart apart = {0};
		float weight[ROWS], loss[ROWS];
		char *prefix = xprintf("%s.", name);
		double most = 0;

		if (json_flag(said, "pairs", 0)) {
			n++;
			m = tiny_open(json_text(said, "model", "?"), "f32", 2048, 1);
			a = tiny_peft(m, gold_path("adapters/", name));
			for (int k = 0; k < ROWS; k++)
				weight[k] = (float)json_number(json_array_get(json, k), "weight", 0);
			engine_grad(m, a, &batch, weight, loss);
			for (int k = 0; k < ROWS; k++)
				most = fmax(most, fabs(loss[k] - json_number_value(json_array_get(
				                                 json_object_get(said, "loss"), k))));
			ok(most < 1e-5, "%s: losses (%.2g)", name, most);
			ok(apart_params(&apart, a, 0, &grad, prefix) == a->slices && apart.most < 1e-5 * fabs(apart.largest) &&
			           apart.largest != 0,
			   "%s: gradients (%.2g of %.2g)", name, apart.most, apart.largest);
			params_close(a);
			tiny_close(m);
		}
		free(prefix);
	}
	cases(n, "adapters with pairs alone");
	tensors_close(&grad);
	json_decref(list);
}

/* peft resolves "all-linear" to the full name of every module. */
static void check_full_names(void)
{
	char *dir = xprintf("%s/full", tmp), *text;
	json_t *j = json_read_file(GOLD "tiny-llama-lora/adapter_config.json"), *full = json_array();
	struct params *a = tiny_adapter(model, "tiny-llama-lora"), *b;
	const struct part *part = engine_model(model)->config.family->part;
	size_t bytes;
	const void *st = zio_map(GOLD "tiny-llama-lora/adapter_model.safetensors", &bytes);

	for (int layer = 1; layer >= 0; layer--)
		for (int i = 0; part[i].module; i++)
			json_array_append_new(full, json_sprintf("model.layers.%d.%s", layer, part[i].module));
	json_object_set_new(j, "target_modules", full);
	text = json_dumps(j, 0);
	mkdir(dir, 0777);
	put_file(dir, "adapter_config.json", text, strlen(text));
	put_file(dir, "adapter_model.safetensors", st, bytes);
	b = tiny_peft(model, dir);
	ok(a->n == b->n && same_values(a, b), "targets by their full names");
	remove_folder(dir);
	zio_unmap(st, bytes);
	json_decref(j);
	params_close(a);
	params_close(b);
	free(text);
	free(dir);
}

/* b = 0: a new adapter changes nothing; a is uniform; the seed decides. */
static void check_new(const struct tokens *rows)
{
	struct params *a = tiny_new(model, "auto", 4, 8, 1), *b, *c;
	float bare[ROWS], with[ROWS], *p, *q;
	struct batch batch = tiny_batch(rows, order, ROWS);
	double most = 0, sum = 0;
	long n = 0;

	engine_loss(model, NULL, &batch, bare);
	engine_loss(model, a, &batch, with);
	ok(!memcmp(bare, with, sizeof bare), "a new adapter changes nothing");
	same(a->targets, "q_proj,v_proj", "auto means the family's targets");
	p = xalloc(a->n * sizeof *p);
	q = xalloc(a->n * sizeof *q);
	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
	for (long i = 0; i < a->n; i++) {
		most = fmax(most, fabs(p[i]));
		sum += (double)p[i] * p[i];
		n += p[i] != 0;
	}
	/* all a's have 32 columns: uniform within 1/sqrt(32), a third of that squared on average */
	ok(most <= 1 / sqrt(32) && fabs(sum / n * 32 - 1. / 3) < 0.05, "a ~ U(-1/sqrt(in), 1/sqrt(in))");
	ok(n == 2L * 2 * 4 * 32, "every a is filled and no b");
	b = tiny_new(model, "auto", 4, 8, 1);
	c = tiny_new(model, "auto", 4, 8, 2);
	b->dev->op->get(b->dev, q, b->p, b->n * sizeof *q);
	ok(!memcmp(p, q, a->n * sizeof *p), "one seed, one adapter");
	c->dev->op->get(c->dev, q, c->p, c->n * sizeof *q);
	ok(memcmp(p, q, a->n * sizeof *p), "another seed, another");
	free(p);
	free(q);
	params_close(a);
	params_close(b);
	params_close(c);
}

static void check_clone(const struct tokens *rows)
{
	struct params *a = tiny_adapter(model, "tiny-llama-lora"), *b = params_clone(a);
	struct adamw w = {.rate = 0.1f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .clip = 1};
	float one[ROWS], two[ROWS], weight[ROWS] = {1, 1, 1, 1, 1, 1};
	struct batch batch = tiny_batch(rows, order, ROWS);

	engine_loss(model, a, &batch, one);
	engine_loss(model, b, &batch, two);
	ok(!memcmp(one, two, sizeof one), "a clone gives the same losses");
	params_zero(b);
	engine_grad(model, b, &batch, weight, two);
	params_step(b, w, NULL);
	ok(b->step == 1 && params_norm(b) == 0, "a step clears the gradient");
	engine_loss(model, b, &batch, two);
	ok(memcmp(one, two, sizeof one), "the clone moves");
	engine_loss(model, a, &batch, two);
	ok(!memcmp(one, two, sizeof one), "its origin does not");
	params_close(a);
	params_close(b);
}

int main(int argc, char **argv)
{
	json_t *json;
	struct tokens *rows;

	die_name("adapter.t");
	if (argc == 3) {
		notice_quiet(1);
		model = tiny_open("tiny-llama", "f32", 2048, 1);
		(strcmp(argv[1], "load") == 0 ? load : make)(argv[2]);
		return 0;
	}
	json = json_read_file(GOLD "rows.json");
	rows = tiny_rows(json);
	if (!mkdtemp(tmp))
		die("mkdtemp:");
	model = tiny_open("tiny-llama", "f32", 2048, 1);
	check_new(rows);
	check_clone(rows);
	check_round_trip("tiny-llama", "tiny-llama-lora", rows);
	check_round_trip("tiny-neox", "tiny-neox-lora", rows);
	check_round_trip("tiny-serial", "tiny-serial-lora", rows);
	check_round_trip("tiny-neox", "adapters/neox-bias", rows);
	check_round_trip("tiny-llama", "adapters/llama-exclude", rows);
	check_pairs(rows, json);
	check_full_names();
	check_refusals();
	rmdir(tmp);
	tiny_close(model);
	tokens_close(rows);
	json_decref(json);
	return tap_done();
}
