/* SPDX-License-Identifier: MIT */
/* length_control.h - the win rate that a model would have if its outputs were as long as the
 * base's, as alpaca_eval computes it (Dubois et al. 2024, "Length-Controlled AlpacaEval").
 *
 * Of every annotation, v in [0, 1] is the preference for the model (winrate.c), l the base's length
 * less the model's in characters, and h how hard the instruction is.  With sd the deviation of l,
 *
 *   v ~ 1 / (1 + exp(-(a tanh(l / sd) + b h + c)))
 *
 * is fitted by glm.h; the rate is 100 times the mean over all annotations, null ones too, of
 * 1 / (1 + exp(-(b h + c))).  Without difficulties, b h is left out.
 */
#ifndef SEAL_LENGTH_CONTROL_H
#define SEAL_LENGTH_CONTROL_H

#include <jansson.h>

struct vote {
	double v; /* NAN: null */
	double longer, hard;
	long group; /* of --by */
};

/* How hard instructions are, and annotations that keep a near what it is of outputs whose length
 * alone was changed.  The file has {"index","instruction_difficulty"}, an index several times if
 * need be; where a row also has a "preference" from 0 to 1 and a "std_delta_len", tanh of which
 * takes the place of tanh(l / sd), it is fitted with weight 0.1, and without c.  alpaca_eval's
 * df_gamed.csv is such a file, its instruction_difficulty.csv has the former alone. */
struct difficulty;
struct difficulty *difficulty_open(const char *path);
/* Dies where the file does not have the index. */
double difficulty_of(const struct difficulty *, long index, const char *where);
void difficulty_close(struct difficulty *); /* NULL: nothing */

/* Sets "length_controlled_winrate", its interval, and the fit in "glm".  The interval is that of
 * 1,000 samples of the annotations, each fitted anew with the same penalty. */
void length_control(json_t *result, const struct vote *, long n, const struct difficulty *);

#endif
