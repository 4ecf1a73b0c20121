/* SPDX-License-Identifier: MIT */
/* tokenizer_in.h - the inside of a tokenizer: the data that tokenizer_json.c,
 * tokenizer_gguf.c and tokenizer_rank.c load and that normalize.c, added.c, pretokenize.c and bpe.c
 * run.  Text goes through it in the order of Hugging Face's `tokenizers`:
 *
 *   added tokens are cut out, the rest is normalised, added tokens that are
 *   matched in normalised text are cut out, the rest is split by the
 *   pre-tokenizer's steps, and the merges make ids of each word.
 *
 * A byte-level vocabulary (GPT-2's) is mapped back to the bytes it stands for
 * when it is loaded, so that text needs no mapping.
 */
#ifndef SEAL_TOKENIZER_IN_H
#define SEAL_TOKENIZER_IN_H

#include <string.h>

#include "../base/buf.h"
#include "tokenizer.h"

struct slice {
	const char *p;
	size_t n;
};

enum { STEPS = 16, TOKENS_MOST = 1 << 21, SPACE_MARK_BYTES = 3 };
#define SPACE_MARK "\xe2\x96\x81" /* U+2581, SentencePiece's space */
/* GPT-2's words: contractions, letters, numbers, other signs, white space. */
#define GPT2_WORDS \
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* Llama 3's and Qwen 2's: a word takes any sign before it, numbers are cut in
 * threes or in digits, signs take the line breaks behind them. */
#define WORDS_WITH(number)                                                   \
	"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" number \
	"| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LLAMA3_WORDS WORDS_WITH("\\p{N}{1,3}")
#define QWEN2_WORDS  WORDS_WITH("\\p{N}")
/* A digit: numbers of Unicode 17. */
#define DIGIT "[\\p{N}\\x{11de0}-\\x{11de9}\\x{16ff4}-\\x{16ff6}]"

/* Tokens by id, and ids by text. */
enum {
	TOKEN_NONE,  /* no token has this id */
	TOKEN_MODEL, /* can be found by its text */
	TOKEN_PLAIN, /* an added token, or text outside the byte alphabet */
};
struct token {
	uint32_t at, n;
	int kind;
};
struct vocab {
	struct buf text;
	struct token *token;
	int32_t n, cap;
	struct slot {
		uint32_t tag;
		int32_t id;
	} * slot;
	uint32_t mask;
	size_t longest; /* bytes of the longest TOKEN_MODEL */
};

struct norm_step {
	enum { NORM_PREPEND, NORM_REPLACE, NORM_NFC, NORM_NFD, NORM_NFKC, NORM_NFKD } kind;
	char *from, *to;
};

struct splitter; /* a compiled pattern */
struct pre_step {
	enum { PRE_SPLIT, PRE_REPLACE, PRE_PREFIX } kind;
	char *from, *to; /* SPLIT: from is the pattern; PREFIX: to, unless text begins with it */
	int literal;     /* SPLIT: the pattern is no regular expression */
	int invert;      /* SPLIT: what lies between matches are the matches */
	int first;       /* PREFIX: only where the text begins */
	enum {
		SPLIT_REMOVED,
		SPLIT_ISOLATED,
		SPLIT_WITH_PREVIOUS,
		SPLIT_WITH_NEXT,
		SPLIT_CONTIGUOUS
	} behaviour;
	struct splitter *splitter;
};

struct added {
	char *text;
	size_t n;
	int32_t id;
	int special, lstrip, rstrip, single_word, normalized;
};

struct trie { /* finds the longest of many texts */
	struct node {
		unsigned char byte;
		int32_t which, child, next;
	} * node;
	int32_t n, root[256];
	long cap;
	int ordinary; /* holds a token that is not special */
};

struct merges { /* (left, right) -> what they make, and how early */
	struct pair {
		uint64_t key;
		uint32_t rank;
		int32_t made;
	} * pair;
	uint64_t mask;
	long n, cap;
};

struct bpe {
	int32_t byte[256];    /* byte-level: the byte's token; byte fallback: <0xNN>; or -1 */
	int32_t *character;   /* not byte-level: by code point, id + 1 */
	unsigned char *whole; /* by id: merging the token's own text gives the token */
	int cuts;             /* no merge joins a space mark to another character before it */
};

struct tokenizer {
	/* set by the loaders */
	struct norm_step norm[STEPS];
	int norms;
	struct pre_step pre[STEPS];
	int pres;
	struct added *added;
	long n_added;
	struct vocab vocab;
	struct merges merges;
	int byte_level, byte_fallback, ignore_merges, fuse_unk;
	int32_t unk, bos, eos; /* or -1 */
	int adds_bos;
	char *chat;
	int marks;  /* the decoder makes spaces of space marks */
	int strips; /* the decoder drops a space that begins the text */
	/* made from that by tokenizer_prepare */
	struct trie raw, norm_trie;
	struct bpe bpe;
};

/* One call of tokenizer_encode. */
struct sym {
	int32_t id, made, prev, next;
	uint32_t rank;
};
struct job {
	const struct tokenizer *t;
	int flags;
	long stop;
	int newer; /* the text has_newer characters */
	struct ids *out;
	struct buf norm[2], pre[STEPS];
	struct sym *sym;
	long syms;
	uint64_t *heap;
	long heap_n, heap_cap;
	void *region;
};

/* Loading foreign data: -1 with a fault; what was allocated is the
 * tokenizer's and freed by tokenizer_close. */
struct tokenizer *tokenizer_new(void);
struct tokenizer *tokenizer_parse(const void *bytes, size_t n, struct fault *); /* or NULL */
int tokenizer_json(struct tokenizer *, const char *text, size_t n, struct fault *);
int tokenizer_gguf(struct tokenizer *, const void *map, size_t n, struct fault *);
int rank_is(const void *bytes, size_t n);
int tokenizer_rank(struct tokenizer *, const void *bytes, size_t n, struct fault *);
void tokenizer_folder(struct tokenizer *,
                      const char *path); /* what lies beside tokenizer.json; dies */
int tokenizer_prepare(struct tokenizer *, struct fault *);

/* tokenizer.c: steps and tokens, in order */
struct pre_step *tokenizer_step(struct tokenizer *, int kind, const char *from, const char *to);
int tokenizer_byte_level(struct tokenizer *, int prefix_space, int split, struct fault *);
/* Byte-level, of the words that a pattern matches. */
int tokenizer_words(struct tokenizer *, const char *pattern, struct fault *);
void tokenizer_add(struct tokenizer *, struct added); /* .text is copied */

/* vocab.c */
int vocab_set(struct vocab *, int32_t id, const char *, size_t, int kind, struct fault *);
void vocab_index(struct vocab *);
int32_t vocab_find(const struct vocab *, const char *, size_t); /* or -1 */
struct slice vocab_text(const struct vocab *, int32_t id);
/* Byte-level text to bytes, in place of *s; -1 when it holds other characters. */
int bytes_of_text(struct slice *, struct buf *);
/* <0xNN>: NN, else -1 */
int byte_of_name(struct slice);

/* bpe.c */
int merge_add(struct tokenizer *, uint32_t rank, struct slice left, struct slice right,
              struct fault *);
void merge_add_ids(struct tokenizer *, uint32_t rank, int32_t left, int32_t right, int32_t made);
void bpe_prepare(struct tokenizer *);
void bpe_text(struct job *, struct slice);

/* normalize.c */
struct slice normalize(const struct tokenizer *, struct buf work[2], struct slice, int prefix);
struct slice replace_text(struct buf *, struct slice, const char *from, const char *to);
int is_word_char(int32_t code), is_space_char(int32_t code);
const char *char_category(int32_t code);  /* "Lu"; of the newest Unicode that there is */
int32_t char_lower(int32_t code);         /* the simple mapping */
int char_put(int32_t code, char text[4]); /* in UTF-8: how many bytes */

/* newer.c */
int32_t stand_in(int32_t code); /* the code itself if not newer */
int has_newer(struct slice);
struct slice put_stand_ins(struct buf *, struct slice);

/* added.c */
void added_prepare(struct tokenizer *);
void added_split(struct job *, const struct trie *, struct slice, int first,
                 void (*rest)(struct job *, struct slice, int first));

/* pretokenize.c */
int pre_prepare(struct pre_step *, struct fault *);
void pre_free(struct pre_step *);
void pretokenize(struct job *, struct slice, int first);
void job_region_free(struct job *);

/* The first character of p..p+n, n > 0; a byte that is no UTF-8 counts as one
 * character, -1.  Returns its bytes. */
static inline int utf8_first(const char *text, size_t n, int32_t *code)
{
	const unsigned char *p = (const unsigned char *)text;
	int bytes = *p < 0x80   ? 1
	            : *p < 0xc2 ? 0
	            : *p < 0xe0 ? 2
	            : *p < 0xf0 ? 3
	            : *p < 0xf5 ? 4
	                        : 0;

	*code = bytes == 1 ? *p : *p & (0x7f >> bytes);
	if (bytes == 1)
		return 1;
	if (!bytes || (size_t)bytes > n) {
		*code = -1;
		return 1;
	}
	for (int i = 1; i < bytes; i++) {
		if ((p[i] & 0xc0) != 0x80) {
			*code = -1;
			return 1;
		}
		*code = *code << 6 | (p[i] & 0x3f);
	}
	if (*code > 0x10ffff)
		*code = -1;
	return *code < 0 ? 1 : bytes;
}

/* The first place of a short text in s, or NULL. */
static inline const char *text_find(struct slice s, const char *text, size_t n)
{
	const char *p = s.p, *end = s.p + s.n;

	while (n && (size_t)(end - p) >= n && (p = memchr(p, *text, end - p - n + 1))) {
		if (!memcmp(p, text, n))
			return p;
		p++;
	}
	return NULL;
}

static inline int starts_with(struct slice s, const char *with, size_t n)
{
	return s.n >= n && !memcmp(s.p, with, n);
}

#endif
