/* SPDX-License-Identifier: MIT */
/* gguf_types.c - the types of GGUF's tensors: names and sizes of all that ggml has numbers for. */
#include "gguf_in.h"

#include <string.h>

/* All types of tensors, by ggml's numbers.  Those that dtype.c decodes have their sizes there;
 * others have them here, so that a file that holds some can be read but for these; without a size
 * are types that were given up. */
/* clang-format off */
static const struct {
	const char *name;
	long values; /* of a block */
	size_t bytes;
} kinds[] = {
	[0] = {"F32"},               [1] = {"F16"},               [2] = {"Q4_0"},
	[3] = {"Q4_1"},              [4] = {"Q4_2"},              [5] = {"Q4_3"},
	[6] = {"Q5_0"},              [7] = {"Q5_1"},              [8] = {"Q8_0"},
	[9] = {"Q8_1", 32, 40},      [10] = {"Q2_K"},             [11] = {"Q3_K"},
	[12] = {"Q4_K"},             [13] = {"Q5_K"},             [14] = {"Q6_K"},
	[15] = {"Q8_K", 256, 292},   [16] = {"IQ2_XXS", 256, 66}, [17] = {"IQ2_XS", 256, 74},
	[18] = {"IQ3_XXS", 256, 98}, [19] = {"IQ1_S", 256, 50},   [20] = {"IQ4_NL"},
	[21] = {"IQ3_S", 256, 110},  [22] = {"IQ2_S", 256, 82},   [23] = {"IQ4_XS"},
	[24] = {"I8", 1, 1},         [25] = {"I16", 1, 2},        [26] = {"I32", 1, 4},
	[27] = {"I64", 1, 8},        [28] = {"F64", 1, 8},        [29] = {"IQ1_M", 256, 56},
	[30] = {"BF16"},             [31] = {"Q4_0_4_4"},         [32] = {"Q4_0_4_8"},
	[33] = {"Q4_0_8_8"},         [34] = {"TQ1_0", 256, 54},   [35] = {"TQ2_0", 256, 66},
	[36] = {"IQ4_NL_4_4"},       [37] = {"IQ4_NL_4_8"},       [38] = {"IQ4_NL_8_8"},
	[39] = {"MXFP4"},            [40] = {"NVFP4", 64, 36},    [41] = {"Q1_0", 128, 18},
};
/* clang-format on */
enum { KINDS = sizeof kinds / sizeof *kinds };

int gguf_type(struct gguf_tensor *t, uint64_t number, long n, struct fault *f)
{
	long values;
	size_t bytes;

	if (number >= KINDS)
		return fault(f, "tensor %.80s: type %llu is not known", t->name,
		             (unsigned long long)number);
	t->kind = kinds[number].name;
	values = kinds[number].values;
	bytes = kinds[number].bytes;
	for (t->type = 0; t->type < DT_TYPES && strcmp(dtype_name(t->type), t->kind);)
		t->type++;
	if (t->type != DT_TYPES) {
		values = dtype_block(t->type);
		bytes = dtype_block_bytes(t->type);
	}
	if (!values)
		return fault(f,
		             "tensor %.80s: type %s, which ggml gave up, is not supported: "
		             "convert the model anew",
		             t->name, t->kind);
	if (t->shape[0] % values)
		return fault(f, "tensor %.80s: rows of %ld are no multiple of %s's %ld", t->name,
		             t->shape[0], t->kind, values);
	if (__builtin_mul_overflow(n / values, bytes, &t->bytes))
		return fault(f, "tensor %.80s: the shape overflows", t->name);
	return 0;
}

int gguf_number(enum dtype t)
{
	int i = 0;

	while (strcmp(kinds[i].name, dtype_name(t)) != 0)
		i++;
	return i;
}
