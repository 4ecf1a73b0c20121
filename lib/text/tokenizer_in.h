/* SPDX-License-Identifier: MIT */
/* tokenizer_in.h - the inside of a tokenizer.
 *
 * A tokenizer is data that tokenizer_json.c, tokenizer_gguf.c or tokenizer_rank.c loads.  Text
 * goes through it in the order of Hugging Face's `tokenizers`:
 *
 *   tokenizer_added.c      added tokens are cut out of the text; the rest is
 *   tokenizer_normalize.c  normalised; added tokens that are matched in normalised text are cut
 *                          out of it as well; the rest is
 *   tokenizer_split.c      split into words by the pre-tokenizer's steps, and
 *   tokenizer_bpe.c        merges make tokens of each word, which
 *   tokenizer_vocab.c      knows by id and by text.
 *
 * A byte-level vocabulary (GPT-2's) is mapped back to the bytes that it stands for when it is
 * loaded, so that text needs no mapping.
 */
#ifndef SEAL_TOKENIZER_IN_H
#define SEAL_TOKENIZER_IN_H

#include <string.h>

#include "../base/buf.h"
#include "../format/jsonl.h"
#include "tokenizer.h"
#include "unicode.h"

/* Text that lies elsewhere. */
struct view {
	const char *p;
	size_t n;
};

enum { STEPS_MOST = 16, TOKENS_MOST = 1 << 21, SPACE_MARK_BYTES = 3, AROUND_MOST = 16 };
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
/* A digit; the ranges are digits of Unicode 17. */
#define DIGIT "[\\p{N}\\x{11de0}-\\x{11de9}\\x{16ff4}-\\x{16ff6}]"

enum {
	TOKEN_NONE,  /* no token has this id */
	TOKEN_MODEL, /* can be found by its text */
	TOKEN_PLAIN, /* an added token, or text outside the byte alphabet */
};
/* Tokens by id, and ids by text. */
struct vocab {
	struct buf text; /* of all tokens, end to end */
	struct token {
		uint32_t at, n; /* where its text lies in `text` */
		int kind;       /* TOKEN_* */
	} * token;              /* [cap], by id */
	int32_t n, cap;         /* n: 1 + the largest id */
	struct slot {
		uint32_t tag; /* half of the text's hash */
		int32_t id;   /* -1: the slot is free */
	} * slot;             /* [mask + 1], an open-addressed table of the TOKEN_MODELs */
	uint32_t mask;
	size_t longest; /* bytes of the longest TOKEN_MODEL */
};

/* A step of the normaliser. */
struct norm_step {
	enum { NORM_PREPEND, NORM_REPLACE, NORM_FORM } kind;
	char *from, *to;        /* PREPEND: to; REPLACE: both */
	enum unicode_form form; /* FORM */
};

/* A step of the pre-tokenizer; see tokenizer_split.c. */
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
	struct re_pattern_buffer *regex; /* SPLIT: Oniguruma's, the compiled pattern */
};

/* A token that is found in the text as it stands; the flags are Hugging Face's. */
struct added_token {
	char *text;
	size_t n;
	int32_t id;
	int special;        /* a control token: only where TOKENIZE_CONTROL asks for those */
	int lstrip, rstrip; /* it takes the white space before it, or behind it, along */
	int single_word;    /* not inside a word */
	int normalized;     /* looked for in normalised text */
};

/* Tokens that are put before a text, or behind it. */
struct around {
	int32_t id[AROUND_MOST];
	int n;
};

/* Finds the longest of many texts that begin at a place. */
struct trie {
	struct node {
		unsigned char byte;
		int32_t which;       /* the text that ends here, or -1 */
		int32_t child, next; /* the first child and the next sibling, or -1 */
	} * node;
	int32_t n;
	long cap;
	int32_t root[256]; /* by first byte, or -1 */
	int ordinary;      /* 1: it holds a token that is not special */
};

/* An open-addressed table: (left, right) -> the token they make, and its rank: lower ranks are
 * merged first. */
struct merges {
	struct merge {
		uint64_t key; /* left and right */
		uint32_t rank;
		int32_t made;
	} * pair;
	uint64_t mask;
	long n, cap;
};

/* What tokenizer_bpe.c works out of the vocabulary and the merges when a tokenizer is opened. */
struct bpe {
	int32_t byte[256];    /* byte-level: the byte's token; byte fallback: <0xNN>; or -1 */
	int32_t *character;   /* not byte-level: by code point, id + 1 */
	unsigned char *whole; /* by id: merging the token's own text gives the token */
	int cuts;             /* no merge joins a space mark to another character before it */
};

struct tokenizer {
	/* set by the loaders */
	struct norm_step norm[STEPS_MOST];
	int norms;
	struct pre_step pre[STEPS_MOST];
	int pres;
	struct added_token *added;
	long n_added;
	struct vocab vocab;
	struct merges merges;
	int byte_level, byte_fallback, ignore_merges, fuse_unk;
	int32_t unk, bos, eos; /* or -1 */
	struct fault cannot;   /* why nothing can be encoded, though the vocabulary is known */
	int adds_bos;          /* GGUF and rank files: the same as bos in `before` */
	int adds_eos;          /* the same as eos in `behind` */
	struct around before, behind;
	struct ids ends;          /* that end an answer besides eos */
	int says_bos;             /* add_bos_token of tokenizer_config.json, or -1 */
	int32_t next;             /* the id of the next token that is added */
	json_t *chat, *variables; /* tokenizer_chat.c; chat: or NULL */
	int marks;                /* the decoder makes spaces of space marks */
	int strips;               /* the decoder drops a space that begins the text */
	/* made from that by tokenizer_prepare */
	struct trie raw, norm_trie; /* of the text as it stands; normalised */
	struct trie special;        /* control tokens as they stand */
	struct bpe bpe;
};

/* A symbol of the word that is being merged: neighbours are linked. */
struct sym {
	int32_t id, made; /* made: what a merge with the next symbol makes */
	int32_t prev, next;
	uint32_t rank; /* of that merge */
};

/* One call of tokenizer_encode. */
struct job {
	const struct tokenizer *t;
	int flags;
	long stop; /* no more than so many ids are wanted */
	int newer; /* see unicode_has_newer */
	struct ids *out;
	struct buf norm[2], pre[STEPS_MOST]; /* text as the steps change it */
	struct sym *sym;                     /* [syms] */
	long syms;
	uint64_t *heap; /* of a long word's merges */
	long heap_n, heap_cap;
	void *region; /* Oniguruma's: where a match lies */
};

/* Loaders of foreign data: -1 with a fault.  What they allocated by then belongs to the
 * tokenizer, and tokenizer_close frees it. */
struct tokenizer *tokenizer_new(void);
/* path: of the file; NULL where there is nothing beside it. */
int tokenizer_json(struct tokenizer *, const char *text, size_t n, const char *path,
                   struct fault *);
int tokenizer_gguf(struct tokenizer *, const void *map, size_t n, struct fault *);
int tokenizer_rank_is(const void *bytes, size_t n);
int tokenizer_rank(struct tokenizer *, const void *bytes, size_t n, struct fault *);
/* Reads the chat templates that lie beside the tokenizer.json at path, and the names of tokens that
 * they are given; dies. */
void tokenizer_folder(struct tokenizer *, const char *path);
/* Adds the tokens of tokenizer.json's added_tokens.  ids: of all tokens by text; is added to. */
int tokenizer_json_added(struct tokenizer *, const json_t *list, json_t *ids, struct fault *);
/* Adds the tokens of the files beside the tokenizer.json at path, and sets bos and eos; dies.
 * 1: no file there can say what bos and eos are. */
int tokenizer_beside(struct tokenizer *, json_t *ids, const char *path);
/* Once all is loaded. */
int tokenizer_prepare(struct tokenizer *, struct fault *);

/* What loaders fill a tokenizer with, in order; a step is NULL, with a fault, when it is one too
 * many. */
struct pre_step *tokenizer_step(struct tokenizer *, int kind, const char *from, const char *to,
                                struct fault *);
/* A token of the model, with the text that the file has: byte-level, or as it is. */
int tokenizer_token(struct tokenizer *, int32_t id, struct view, struct fault *);
void tokenizer_add(struct tokenizer *, struct added_token); /* .text is copied */
int merge_add(struct tokenizer *, uint32_t rank, struct view left, struct view right,
              struct fault *);
void merge_add_ids(struct tokenizer *, uint32_t rank, int32_t left, int32_t right, int32_t made);

/* tokenizer_chat.c */
/* What GGUF says. */
struct gguf;
void chat_gguf(struct tokenizer *, const struct gguf *);
/* Names the start and the end token, once they are known. */
void chat_name_ends(struct tokenizer *);

/* tokenizer_vocab.c */
int vocab_set(struct vocab *, int32_t id, const char *, size_t, int kind, struct fault *);
void vocab_index(struct vocab *);                               /* once all are set */
int32_t vocab_find(const struct vocab *, const char *, size_t); /* or -1 */
struct view vocab_text(const struct vocab *, int32_t id);
/* Turns byte-level text *s into the bytes that it stands for, which lie in the buffer; -1 when
 * it holds other characters. */
int bytes_of_text(struct view *s, struct buf *);
int byte_of_name(struct view); /* <0xNN>: NN, else -1 */

/* tokenizer_bpe.c */
void bpe_prepare(struct tokenizer *);
void bpe_text(struct job *, struct view); /* appends the tokens of a word */

/* tokenizer_normalize.c */
/* The text of s after the normaliser's steps: s itself, or in one of the two buffers.
 * prefix: the text begins a sentence. */
struct view tokenizer_normalize(const struct tokenizer *, struct buf work[2], struct view s,
                                int prefix);
/* Appends s with every `from` replaced. */
void replace_text(struct buf *, struct view s, const char *from, const char *to);

/* tokenizer_added.c */
void added_prepare(struct tokenizer *);
/* Appends the added tokens of s that are in the trie, and calls rest for what lies between.
 * first: the whole text begins with s. */
void added_cut(struct job *, const struct trie *, struct view s, int first,
               void (*rest)(struct job *, struct view, int first));

/* tokenizer_split.c */
int split_prepare(struct pre_step *, struct fault *); /* compiles its pattern */
void split_free(struct pre_step *);
void tokenizer_split(struct job *, struct view, int first); /* calls bpe_text for each word */
void split_end(struct job *);                               /* frees what a job keeps for it */

/* The first place of a short text in s, or NULL. */
static inline const char *text_find(struct view s, const char *text, size_t n)
{
	const char *p = s.p, *end = s.p + s.n;

	while (n && (size_t)(end - p) >= n && (p = memchr(p, *text, end - p - n + 1))) {
		if (!memcmp(p, text, n))
			return p;
		p++;
	}
	return NULL;
}

#endif
