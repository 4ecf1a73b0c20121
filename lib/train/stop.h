/* SPDX-License-Identifier: MIT */
/* stop.h - SIGINT and SIGTERM ask a training to end at a good place. */
#ifndef SEAL_STOP_H
#define SEAL_STOP_H

/* From now on the first such signal is only noted; a second one ends the program as if nothing had
 * been installed.  A signal that was ignored stays so. */
void stop_hold(void);
int stop_asked(void);    /* the signal that was noted, or 0 */
void stop_release(void); /* signals end the program again */

#endif
