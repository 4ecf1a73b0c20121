/* SPDX-License-Identifier: MIT */
/* sniff.c - see sniff.h.
 *
 * No text in UTF-8 that could be rows or JSON begins so.  A safetensors file may, by chance: it
 * begins with the length of its header, in 8 bytes.
 */
#include "sniff.h"

#include <string.h>
#include <strings.h>

#define MARK(bytes) bytes, sizeof bytes - 1

/* clang-format off */
static const struct mark {
	const char *bytes;
	size_t n, at;
	const char *what;
} marks[] = {
	{MARK("PAR1"), 0, "a Parquet file (DuckDB or pandas writes one as JSONL)"},
	{MARK("PARE"), 0, "a Parquet file, encrypted"},
	{MARK("ARROW1\0"), 0, "an Arrow file (pyarrow or pandas writes one as JSONL)"},
	{MARK("FEA1"), 0, "a Feather file, of Arrow (pandas writes one as JSONL)"},
	{MARK("Obj\1"), 0, "an Avro file"},
	{MARK("\x89HDF\r\n\x1a\n"), 0, "an HDF5 file"},
	{MARK("SQLite format 3\0"), 0, "an SQLite database"},
	{MARK("\x93NUMPY"), 0, "an array of NumPy"},
	{MARK("PK\3\4"), 0, "a zip archive, as .xlsx, .npz and .pt are too (unzip it first)"},
	{MARK("PK\5\6"), 0, "a zip archive, and empty"},
	{MARK("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), 0, "a file of Excel or Word (save it as CSV in UTF-8)"},
	{MARK("1AY&SY"), 4, "packed by bzip2 (bunzip2 it first)"},
	{MARK("\x17rE8P\x90"), 4, "packed by bzip2, and empty"},
	{MARK("7z\xbc\xaf\x27\x1c"), 0, "a 7z archive (7z x unpacks it)"},
	{MARK("Rar!\x1a\7"), 0, "a RAR archive (unrar x unpacks it)"},
	{MARK("\x04\x22\x4d\x18"), 0, "packed by lz4 (lz4 -d unpacks it)"},
	{MARK("\xff\6\0\0sNaPpY"), 0, "packed by Snappy"},
	{MARK("LZIP"), 0, "packed by lzip (lzip -d unpacks it)"},
	{MARK("\x28\xb5\x2f\xfd"), 0, "packed by zstd (zstd -d unpacks it)"},
	{MARK("\x1f\x8b\x08"), 0, "packed by gzip (gunzip unpacks it)"},
	{MARK("\xfd" "7zXZ\0"), 0, "packed by xz (xz -d unpacks it)"},
	{MARK("ustar"), 257, "a tar archive (tar -x unpacks it)"},
	{MARK("version https://git-lfs.github.com/spec/"), 0,
		"a Git LFS pointer, not the file itself (git lfs pull fetches it)"},
	{MARK("%PDF-"), 0, "a PDF file"},
	{MARK("{\\rtf"), 0, "a text in RTF (save it as plain text)"},
	{MARK("\xff\xfe\0\0"), 0, "text in UTF-32 (iconv -f UTF-32 -t UTF-8 makes it UTF-8)"},
	{MARK("\0\0\xfe\xff"), 0, "text in UTF-32 (iconv -f UTF-32 -t UTF-8 makes it UTF-8)"},
	{MARK("\xff\xfe"), 0, "text in UTF-16 (iconv -f UTF-16 -t UTF-8 makes it UTF-8)"},
	{MARK("\xfe\xff"), 0, "text in UTF-16 (iconv -f UTF-16 -t UTF-8 makes it UTF-8)"},
};
/* clang-format on */

static int is_ascii(unsigned char c)
{
	return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

/* Text in UTF-16 and UTF-32 without a byte order mark: two ASCII characters, with zeros. */
static const char *wide(const unsigned char *p, size_t n)
{
	static const struct {
		size_t unit, low; /* a character's bytes, and which of them is not 0 */
		const char *what;
	} forms[] = {
		{4, 0, "text in UTF-32 (iconv -f UTF-32LE -t UTF-8 makes it UTF-8)"},
		{4, 3, "text in UTF-32 (iconv -f UTF-32BE -t UTF-8 makes it UTF-8)"},
		{2, 0, "text in UTF-16 (iconv -f UTF-16LE -t UTF-8 makes it UTF-8)"},
		{2, 1, "text in UTF-16 (iconv -f UTF-16BE -t UTF-8 makes it UTF-8)"},
	};

	for (int k = 0; k < 4; k++) {
		size_t i = 0, length = 2 * forms[k].unit;

		while (i < length && i < n &&
		       (i % forms[k].unit == forms[k].low ? is_ascii(p[i]) : !p[i]))
			i++;
		if (i == length)
			return forms[k].what;
	}
	return NULL;
}

/* HTML and XML, behind white space and a byte order mark, in either case of letters. */
static const char *markup(const char *p, size_t n)
{
	static const char *const begins[] = {"<!doctype", "<html",   "<head",
	                                     "<body",     "<script", "<?xml"};

	if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3))
		p += 3, n -= 3;
	while (n && strchr(" \t\r\n", *p) && *p)
		p++, n--;
	for (int k = 0; k < 6; k++)
		if (n >= strlen(begins[k]) && !strncasecmp(p, begins[k], strlen(begins[k])))
			return k < 5 ? "a web page (HTML), not the file that was to be saved"
			             : "XML";
	return NULL;
}

const char *sniff(const void *bytes, size_t n)
{
	const char *p = bytes, *what;

	if (n >= 9 && p[8] == '{' && !memcmp(p + 4, "\0\0\0", 4)) /* safetensors */
		return NULL;
	for (const struct mark *m = marks; m < marks + sizeof marks / sizeof *marks; m++)
		if (n >= m->at + m->n && !memcmp(p + m->at, m->bytes, m->n) &&
		    (m->at != 4 || !memcmp(p, "BZh", 3)))
			return m->what;
	/* The Hub's caches are streams without a name: the length of a header, and its root. */
	if (n >= 12 && !memcmp(p, "\xff\xff\xff\xff", 4) && !p[7] &&
	    !memcmp(p + 8, "\x10\0\0\0", 4))
		return "an Arrow stream (pyarrow or datasets writes one as JSONL)";
	if (n >= 3 && p[0] == '\x80' && p[1] >= 2 && p[1] <= 5 && p[2])
		return "a pickle of Python";
	what = wide(bytes, n);
	return what ? what : markup(p, n);
}
