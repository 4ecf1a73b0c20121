/* SPDX-License-Identifier: MIT */
/* log.h - the log of a training (--log): one JSON object a line, readable while the run goes.
 *
 * A program has one log.  Where path is NULL there is none, and nothing is written.
 */
#ifndef SEAL_LOG_H
#define SEAL_LOG_H

#include "../format/jsonl.h"

/* To be called before the inputs are opened: dies when the log cannot be written or is an output,
 * and makes it die when it is an input.  What is in the file stays for now. */
void log_claim(const char *path);
/* Begins the log: empties the file; or, where the run goes on from a step (not 0), cuts it back to
 * that step.  A second training of the program goes on behind the first one's lines. */
void log_open(const char *path, long resume_step);
void log_line(const json_t *);
/* The last line, {"event":"end","seconds","peak_bytes"}: what the whole program took since `began`.
 * Begins the log where nothing was trained. */
void log_end(const char *path, double began);

#endif
