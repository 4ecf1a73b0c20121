/* shared.c - rows of a pass that begin alike: computing that once changes no loss. */
#include "tap.h"
#include "tiny.h"

enum { ROWS = 5 };

/* Rows of unequal length that have their first `alike` tokens in common, and two by two one
 * more, of which the first row of all knows nothing. */
static json_t *rows_alike(long alike, long vocab)
{
	json_t *rows = json_array();

	for (int i = 0; i < ROWS; i++) {
		json_t *token = json_array(), *train = json_array();

		for (long j = 0; j < alike + 3 + 4 * i; j++) {
			json_array_append_new(token, json_integer((j < alike ? 7 * j + 1 : 11 * j + 5 * (j == alike ? i / 2 : i) + 2) % vocab));
			json_array_append_new(train, json_integer(j > alike + 1));
		}
		json_array_append_new(rows, json_pack("{s:o, s:o}", "tokens", token, "train", train));
	}
	return rows;
}

static void compare(const char *name, enum dtype type, double most, long alike)
{
	struct compute_opts o = COMPUTE_DEFAULTS;
	struct model *m;
	struct adapter *a;
	struct tokens *d;
	json_t *j;
	long row[ROWS] = {3, 0, 4, 1, 2};
	float together[ROWS], alone[ROWS], off = 0;

	o.dtype = type == F32 ? "f32" : "bf16";
	o.threads = 1;
	m = model_open(gold_path(name, ""), &o);
	a = adapter_new(model_dev(m), model_config(m), type, "auto", 4, 4, 1);
	j = rows_alike(alike, model_config(m)->vocab);
	d = tiny_rows(j);
	model_loss(m, a, &(struct batch){d, row, ROWS}, together);
	for (int i = 0; i < ROWS; i++) {
		model_loss(m, a, &(struct batch){d, row + i, 1}, alone + i);
		off = fmaxf(off, fabsf(together[i] - alone[i]));
	}
	ok(off <= most, "%s %s: %ld tokens in common, together as alone (%.1e)", name, o.dtype, alike, off);
	tokens_close(d);
	json_decref(j);
	adapter_close(a);
	model_close(m);
}

int main(void)
{
	static const char *const model[] = {"tiny-llama", "tiny-mistral", "tiny-neox", "tiny-llama3"};

	for (size_t i = 0; i < sizeof model / sizeof *model; i++)
		for (long alike = 1; alike <= 21; alike += 20) {
			compare(model[i], F32, 1e-5, alike);
			compare(model[i], BF16, 2e-2, alike);
		}
	return tap_done();
}
