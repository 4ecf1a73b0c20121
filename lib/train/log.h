/* SPDX-License-Identifier: MIT */
/* log.h - the log of a training (--log): one JSON object a line, readable while the run goes.
 *
 * path NULL stands for no log: then none of these does anything.
 */
#ifndef SEAL_LOG_H
#define SEAL_LOG_H

#include "../format/jsonl.h"

struct zlog;

/* To be called before the inputs are opened: dies when the log cannot be written or is an output,
 * and makes it die when it is an input.  What is in the file stays for now. */
void log_claim(const char *path);
/* Empties the file; or, where the run goes on from a step (not 0), cuts it back to that step. */
struct zlog *log_open(const char *path, long resume_step);
void log_line(struct zlog *, const json_t *);
void log_close(struct zlog *);
/* After log_close, or in place of log_open where nothing was trained: appends
 * {"event":"end","seconds","peak_bytes"}, what the whole program took since `began`. */
void log_end(const char *path, double began);

#endif
