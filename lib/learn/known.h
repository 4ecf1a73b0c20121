/* known.h - the rows that were scored, recognised by their bytes. */
#ifndef SEAL_KNOWN_H
#define SEAL_KNOWN_H

#include "../data/row.h"
#include "scores.h"

struct known;

struct known *known_open(const struct scores *);
/* For rows_known: what the JSON of this line would say of its id; NULL when that
 * is not certain without reading it. */
const char *known_id(void *known, const struct row *);
void known_close(struct known *);

#endif
