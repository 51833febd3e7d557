/*
 * hooks: what is asked of, or told to, others at the steps of an update: webhooks and commands.
 *
 * Not for knowing when (strategies/updates) nor what came of it (observe.c).
 * Shapes: a hook runs on a thread of its own, at most EN_HOOKS_MAX at a time. A webhook is a POST
 * of JSON: 200 to 202 is yes; any other answer is "not yet" and is asked again each second, but for
 * tests, where it is one failed try; no answer is a failed try. A command gets the same JSON on its
 * standard input: exit 0 is yes, everything else a failed try. After `retries`
 * more tries it has failed. Units: ms. Errors: -EAGAIN: no thread or no room, ask again. Ownership:
 * en_hooks_free ends what runs and waits for it, a second at most for each. Threads: all functions
 * on one; results are fetched, there are no callbacks.
 */
#ifndef EN_HOOKS_H
#define EN_HOOKS_H

#include "engine/config.h"

#include <jansson.h>

#define EN_HOOKS_MAX 8
#define EN_HOOK_KEY_SIZE 80

struct en_hooks;

struct en_hooks *en_hooks_new(void);

/* Copies key and what it needs of config; the body's reference stays the caller's. */
int en_hooks_start(struct en_hooks *hooks, const char *key, const struct en_hook_config *config,
                   const json_t *body, bool is_test);

/* One that has ended: true, with its key, whether it said yes, and why not. */
bool en_hooks_next(struct en_hooks *hooks, char key[EN_HOOK_KEY_SIZE], bool *ret_is_good,
                   char why[160]);

bool en_hooks_is_running(const struct en_hooks *hooks, const char *key);

/* All are told to end; what they say is not heard. */
void en_hooks_forget(struct en_hooks *hooks);

void en_hooks_free(struct en_hooks *hooks);

/* --- hook_try.c: one try -------------------------------------------------------------------------
 */

enum en_try { EN_TRY_YES, EN_TRY_NOT_YET, EN_TRY_FAILED };

/* is_over is looked at while waiting. */
enum en_try en_try_url(const char *url, const char *body, uint64_t timeout_ms,
                       const _Atomic bool *is_over, char why[160]);
enum en_try en_try_command(char *const *command, const char *body, uint64_t timeout_ms,
                           const _Atomic bool *is_over, char why[160]);

#endif
