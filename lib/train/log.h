/* SPDX-License-Identifier: MIT */
/* log.h - --log: one JSON object a line, readable while the run goes. */
#ifndef SEAL_LOG_H
#define SEAL_LOG_H

#include "../format/jsonl.h"

struct zlog;

/* One JSON object a line, appended as the run goes; a resumed run cuts the file
 * back to the step that it resumes from. NULL path: nothing. */
struct zlog *log_open(const char *path, long resume_step);
/* To be asked before the inputs are opened: dies when the log cannot be written or is
 * an output, and makes it die when it is an input.  What is there stays for now. */
void log_claim(const char *path);
void log_line(struct zlog *, const json_t *);
void log_close(struct zlog *);
/* Appends {"event":"end","seconds","peak_bytes"}: what the whole program took. */
void log_end(const char *path, double began);

#endif
