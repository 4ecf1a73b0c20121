/* SPDX-License-Identifier: MIT */
/* tokenizer_chat.c - where a model keeps its chat templates, and the variables they are given.
 *
 * As transformers 5 finds them: chat_template.jinja is the template called default and
 * additional_chat_templates/NAME.jinja those of other names; where there is one such file,
 * "chat_template" of tokenizer_config.json does not count.  That is one template, or a list of
 * {"name", "template"}.  GGUF has tokenizer.chat_template and tokenizer.chat_template.NAME.
 */
#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../format/foreign.h"
#include "../format/gguf.h"
#include "../format/zio.h"
#include "tokenizer_in.h"

static void set_chat(struct tokenizer *t, const char *name, json_t *source)
{
	if (!t->chat)
		t->chat = json_object();
	json_object_set_new(t->chat, name, source);
}

json_t *tokenizer_chat_file(const char *path)
{
	size_t n;
	const char *map = zio_map(path, &n);
	json_t *source = json_stringn(map, n);

	foreign_check(path, map, n);
	if (!source)
		die("%s: not UTF-8", path);
	zio_unmap(map, n);
	return source;
}

static void read_files(struct tokenizer *t, const char *folder)
{
	char *path = xprintf("%schat_template.jinja", folder);
	char *more = xprintf("%sadditional_chat_templates", folder);
	DIR *dir = opendir(more);
	struct dirent *e;

	if (!access(path, F_OK))
		set_chat(t, "default", tokenizer_chat_file(path));
	while (dir && (e = readdir(dir))) {
		size_t n = strlen(e->d_name);
		char *file, *name;

		if (n <= 6 || !ends_with(e->d_name, ".jinja"))
			continue;
		file = xprintf("%s/%s", more, e->d_name);
		name = xstrndup(e->d_name, n - 6);
		set_chat(t, name, tokenizer_chat_file(file));
		free(file);
		free(name);
	}
	if (dir)
		closedir(dir);
	free(path);
	free(more);
}

static void read_config(struct tokenizer *t, const json_t *config)
{
	const json_t *o = json_object_get(config, "chat_template");
	size_t i;
	json_t *item, *source;

	if (json_is_string(o))
		set_chat(t, "default", json_incref((json_t *)o));
	json_array_foreach(o, i, item)
	{
		source = json_object_get(item, "template");
		if (json_is_string(source))
			set_chat(t, json_text(item, "name", ""), json_incref(source));
	}
}

/* A token is a text, or an object with its "content". */
static void read_variables(struct tokenizer *t, const json_t *named)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)named, key, v)
	{
		v = json_is_object(v) ? json_object_get(v, "content") : v;
		if (json_is_string(v) && ends_with(key, "_token"))
			json_object_set(t->variables, key, v);
	}
}

void tokenizer_folder(struct tokenizer *t, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = xprintf("%.*s", slash ? (int)(slash - path + 1) : 0, path);
	char *file = xprintf("%stokenizer_config.json", folder);
	json_t *config = access(file, F_OK) ? NULL : json_read_file(file);

	read_files(t, folder);
	if (!t->chat)
		read_config(t, config);
	read_variables(t, config);
	read_variables(t, json_object_get(config, "extra_special_tokens"));
	chat_name_ends(t);
	json_decref(config);
	free(file);
	free(folder);
}

void chat_gguf(struct tokenizer *t, const struct gguf *g)
{
	static const char key[] = "tokenizer.chat_template";

	for (long i = 0; i < g->values; i++) {
		const struct gguf_value *v = &g->value[i];
		const char *name = v->key + strlen(key);

		if (v->kind != GGUF_TEXT || strncmp(v->key, key, strlen(key)) ||
		    (*name && *name != '.'))
			continue;
		set_chat(t, *name ? name + 1 : "default", json_repaired(v->text, v->n));
	}
}

static void name_token(struct tokenizer *t, const char *name, int32_t id)
{
	struct buf b = {0};

	json_object_del(t->variables, name);
	if (id < 0)
		return;
	tokenizer_decode(t, &id, 1, 1, 0, &b);
	json_object_set_new(t->variables, name, json_repaired(b.p ? b.p : "", b.n));
	buf_free(&b);
}

void chat_name_ends(struct tokenizer *t)
{
	name_token(t, "bos_token", t->bos);
	name_token(t, "eos_token", t->eos);
}
