/* SPDX-License-Identifier: MIT */
/* lora_gguf.c - adapters as GGUF files: names and shapes, and that their pairs, added to
 * the matrices of a GGUF model as it is stored, give the adapter's losses. */
#include <unistd.h>

#include "../lib/format/gguf.h"
#include "../lib/model/save_gguf.h"
#include "tap.h"
#include "tiny.h"

enum { ROWS = 6 };
static const long order[ROWS] = {0, 1, 2, 3, 4, 5};

static const struct gguf_tensor *half(const struct gguf *g, const char *base, const char *then)
{
	char *name = xprintf("%s.%s", base, then);
	const struct gguf_tensor *t = gguf_tensor(g, name);

	free(name);
	return t;
}

/* w += alpha/rank b a, in the bytes of the file, as llama.cpp adds it; 0 when shapes do not fit. */
static int add_pair(const struct gguf_tensor *w, const struct gguf_tensor *a, const struct gguf_tensor *b, double alpha)
{
	long in = w->shape[0], out = w->shape[1], rank = a->shape[1];
	double scale = alpha / rank;
	const float *pa = a->data, *pb = b->data;
	float *x = xalloc(in * sizeof *x);

	if (a->rank != 2 || b->rank != 2 || a->shape[0] != in || b->shape[1] != out || b->shape[0] != rank ||
	    a->type != DT_F32 || b->type != DT_F32)
		return 0;
	for (long i = 0; i < out; i++) {
		char *row = (char *)w->data + i * in * dtype_block_bytes(w->type);

		dtype_decode(w->type, row, in, x);
		for (long j = 0; j < in; j++)
			for (long k = 0; k < rank; k++)
				x[j] += scale * pb[i * rank + k] * pa[k * in + j];
		dtype_encode(w->type, x, in, row);
	}
	free(x);
	return 1;
}

/* The model's file with all pairs added, at path; how many tensors of the adapter it took. */
static long merge(const char *model, const struct gguf *lora, double alpha, const char *path)
{
	size_t bytes;
	const void *map = zio_map(model, &bytes);
	char *copy = xalloc(bytes);
	struct fault why;
	struct gguf g;
	long taken = 0;

	memcpy(copy, map, bytes);
	if (gguf_parse(&g, copy, bytes, &why))
		die("%s: %s", model, why.text);
	for (long i = 0; i < g.tensors; i++) {
		const struct gguf_tensor *a = half(lora, g.tensor[i].name, "lora_a"), *b = half(lora, g.tensor[i].name, "lora_b");

		if (a && b && add_pair(&g.tensor[i], a, b, alpha))
			taken += 2;
	}
	zio_save(path, copy, bytes);
	gguf_close(&g);
	zio_unmap(map, bytes);
	free(copy);
	return taken;
}

static void check_meta(const struct gguf *g, const char *name, const char *arch, double alpha)
{
	static const char *const key[] = {"general.type", "general.architecture", "adapter.type"};
	const char *want[] = {"adapter", arch, "lora"};

	for (int i = 0; i < 3; i++) {
		char *said = gguf_text(g, key[i]), what[96];

		snprintf(what, sizeof what, "%s: %s", name, key[i]);
		same(said ? said : "missing", want[i], what);
		free(said);
	}
	ok(gguf_find(g, "adapter.lora.alpha") && gguf_real(g, "adapter.lora.alpha", 0) == alpha, "%s: alpha", name);
}

/* They go in the end: the next file must not be the same inode, which was an input. */
static char *made[16];
static int n_made;

static void check(const char *name, const char *adapter, const char *arch, double tol, const struct tokens *rows)
{
	char *path = made[n_made++] = xstrdup("/tmp/seal-lora-gguf-XXXXXX"), *model = xprintf("%s.gguf", gold_path(name, ""));
	struct compute_opts o = {.device = "cpu", .dtype = "f32", .threads = 1, .pass = 2048};
	struct batch batch = tiny_batch(rows, order, ROWS);
	struct engine *m = tiny_open(name, "f32", 2048, 1), *merged;
	struct params *a = tiny_adapter(m, adapter);
	struct buf b = {0}, again = {0};
	float want[ROWS], got[ROWS], bare[ROWS];
	double most = 0, moved = 0;
	struct fault why;
	struct gguf g;
	int fd = mkstemp(path);

	close(fd);
	save_gguf_lora(a, &b);
	save_gguf_lora(a, &again);
	ok(b.n == again.n && !memcmp(b.p, again.p, b.n), "%s: the same bytes twice", adapter);
	ok(!gguf_parse(&g, b.p, b.n, &why), "%s: read back", adapter);
	check_meta(&g, name, arch, a->alpha);
	ok(g.tensors > 0 && merge(model, &g, a->alpha, path) == g.tensors,
	   "%s: every one of %ld tensors fits one of the model", name, g.tensors);
	merged = tiny_engine(path, o, TINY_PLAIN);
	engine_loss(m, NULL, &batch, bare);
	engine_loss(m, a, &batch, want);
	engine_loss(merged, NULL, &batch, got);
	for (int i = 0; i < ROWS; i++) {
		most = fmax(most, fabs(got[i] - want[i]));
		moved = fmax(moved, fabs(bare[i] - want[i]));
	}
	ok(most < tol && moved > 20 * tol, "%s: added to a GGUF model, the adapter's losses (off by %.1e of %.1e)", name,
	   most, moved);
	tiny_close(merged);
	gguf_close(&g);
	params_close(a);
	tiny_close(m);
	buf_free(&b);
	buf_free(&again);
	free(model);
}

/* Values on both sides of every rounding, and those that do not fit. */
static void check_halves(void)
{
	int bad = 0;

	for (int type = 0; type < 2; type++)
		for (uint32_t h = 0; h < 0x10000; h++) {
			enum dtype t = type ? DT_BF16 : DT_F16;
			uint16_t in = (uint16_t)h, out[3];
			float x[3], next;

			dtype_decode(t, &in, 1, x);
			if (isnan(x[0]) || (h & 0x7fff) >= (type ? 0x7f7f : 0x7bff))
				continue;
			in++;
			dtype_decode(t, &in, 1, &next);
			x[1] = (float)(x[0] + ((double)next - x[0]) * 0.499);
			x[2] = (float)(x[0] + ((double)next - x[0]) / 2);       /* a tie: to the even one */
			if (x[1] == x[2] || fabsf(x[0]) < 1e-37f)
				continue;
			dtype_encode(t, x, 3, out);
			bad += out[0] != h || out[1] != h || out[2] != h + (h & 1);
		}
	ok(!bad, "F16 and BF16 round to nearest, ties to even (%d do not)", bad);
	for (int i = 0; i < 3; i++) {
		static const float x[] = {65519, 65520, -1e30f};
		static const uint16_t want[] = {0x7bff, 0x7c00, 0xfc00};
		uint16_t h;

		dtype_encode(DT_F16, x + i, 1, &h);
		ok(h == want[i], "%g as F16 is %04x", x[i], want[i]);
	}
}

int main(void)
{
	json_t *json = json_read_file(GOLD "rows.json");
	struct tokens *rows = tiny_rows(json);

	die_name("lora_gguf.t");
	check_halves();
	check("tiny-llama", "tiny-llama-lora", "llama", 1e-5, rows);
	check("tiny-llama", "adapters/llama-patterns", "llama", 1e-5, rows);
	check("tiny-neox", "tiny-neox-lora", "gptneox", 1e-5, rows);
	check("tiny-llama3", "tiny-llama3-lora", "llama", 3e-3, rows);      /* files of F16 */
	check("tiny-mistral", "tiny-mistral-lora", "llama", 3e-3, rows);
	check("tiny-qwen2", "tiny-qwen2-lora", "qwen2", 3e-3, rows);
	check("tiny-phi3", "tiny-phi3-lora", "phi3", 3e-3, rows);
	check("tiny-qwen3", "tiny-qwen3-lora", "qwen3", 3e-3, rows);
	check("tiny-olmo2", "tiny-olmo2-lora", "olmo2", 3e-3, rows);
	check("tiny-gemma2", "tiny-gemma2-lora", "gemma2", 3e-3, rows);
	check("tiny-gemma3", "tiny-gemma3-lora", "gemma3", 3e-3, rows);
	check("tiny-granite", "tiny-granite-lora", "granite", 3e-3, rows);
	tokens_close(rows);
	json_decref(json);
	while (n_made) {
		unlink(made[--n_made]);
		free(made[n_made]);
	}
	return tap_done();
}
