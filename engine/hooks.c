#include "engine/hooks.h"

#include "lib/api/json.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_MS 1000
#define LOOK_MS 50

enum stage { FREE, RUNNING, ENDED };

struct hook {
    _Atomic int stage;
    _Atomic bool is_over; /* nobody wants to hear of it any more */
    pthread_t thread;
    char key[EN_HOOK_KEY_SIZE];
    char *url;
    char **command;
    char *body;
    uint64_t timeout_ms;
    uint32_t retries;
    bool is_test, is_good, is_forgotten;
    char why[160];
};

struct en_hooks {
    struct hook hooks[EN_HOOKS_MAX];
};

static void free_words(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

static char **copy_words(char *const *words)
{
    size_t count = 0;
    char **copy;

    while (words[count])
        count++;
    copy = calloc(count + 1, sizeof(*copy));
    for (size_t i = 0; copy && i < count; i++) {
        copy[i] = strdup(words[i]);
        if (!copy[i]) {
            free_words(copy);
            return NULL;
        }
    }
    return copy;
}

static void clear(struct hook *hook)
{
    free(hook->url);
    free_words(hook->command);
    free(hook->body);
    hook->url = NULL;
    hook->command = NULL;
    hook->body = NULL;
    atomic_store(&hook->is_over, false);
    hook->is_forgotten = false;
    atomic_store(&hook->stage, FREE);
}

static void pause_for(const struct hook *hook, uint64_t ms)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000};

    for (uint64_t done = 0; done < ms && !atomic_load(&hook->is_over); done += LOOK_MS)
        nanosleep(&look, NULL);
}

static void *run(void *context)
{
    struct hook *hook = context;
    uint32_t failed = 0;
    enum en_try said = EN_TRY_FAILED;

    while (!atomic_load(&hook->is_over)) {
        said = hook->url
                   ? en_try_url(hook->url, hook->body, hook->timeout_ms, &hook->is_over, hook->why)
                   : en_try_command(hook->command, hook->body, hook->timeout_ms, &hook->is_over,
                                    hook->why);
        if (said == EN_TRY_NOT_YET && hook->is_test)
            said = EN_TRY_FAILED;
        failed += said == EN_TRY_FAILED;
        if (said == EN_TRY_YES || failed > hook->retries)
            break;
        pause_for(hook, AGAIN_MS);
    }
    hook->is_good = said == EN_TRY_YES;
    atomic_store(&hook->stage, ENDED);
    return NULL;
}

struct en_hooks *en_hooks_new(void)
{
    return calloc(1, sizeof(struct en_hooks));
}

static struct hook *find_free(struct en_hooks *hooks)
{
    for (size_t i = 0; i < EN_HOOKS_MAX; i++) {
        if (atomic_load(&hooks->hooks[i].stage) == FREE)
            return &hooks->hooks[i];
    }
    return NULL;
}

int en_hooks_start(struct en_hooks *hooks, const char *key, const struct en_hook_config *config,
                   const json_t *body, bool is_test)
{
    struct hook *hook = find_free(hooks);

    if (!hook)
        return -EAGAIN;
    snprintf(hook->key, sizeof(hook->key), "%s", key);
    hook->url = config->url ? strdup(config->url) : NULL;
    hook->command = config->command ? copy_words(config->command) : NULL;
    hook->body = tn_json_text(body, JSON_COMPACT);
    hook->timeout_ms = config->timeout_ms;
    hook->retries = config->retries;
    hook->is_test = is_test;
    hook->why[0] = '\0';
    if ((!hook->url && !hook->command) || !hook->body) {
        clear(hook);
        return -ENOMEM;
    }
    atomic_store(&hook->stage, RUNNING);
    if (pthread_create(&hook->thread, NULL, run, hook) != 0) {
        clear(hook);
        return -EAGAIN;
    }
    return 0;
}

bool en_hooks_next(struct en_hooks *hooks, char key[EN_HOOK_KEY_SIZE], bool *ret_is_good,
                   char why[160])
{
    for (size_t i = 0; i < EN_HOOKS_MAX; i++) {
        struct hook *hook = &hooks->hooks[i];
        bool is_heard = !hook->is_forgotten;

        if (atomic_load(&hook->stage) != ENDED)
            continue;
        pthread_join(hook->thread, NULL);
        memcpy(key, hook->key, EN_HOOK_KEY_SIZE);
        memcpy(why, hook->why, sizeof(hook->why));
        *ret_is_good = hook->is_good;
        clear(hook);
        if (is_heard)
            return true;
    }
    return false;
}

bool en_hooks_is_running(const struct en_hooks *hooks, const char *key)
{
    for (size_t i = 0; i < EN_HOOKS_MAX; i++) {
        const struct hook *hook = &hooks->hooks[i];

        if (atomic_load(&hook->stage) != FREE && !hook->is_forgotten && strcmp(hook->key, key) == 0)
            return true;
    }
    return false;
}

void en_hooks_forget(struct en_hooks *hooks)
{
    for (size_t i = 0; i < EN_HOOKS_MAX; i++) {
        if (atomic_load(&hooks->hooks[i].stage) == FREE)
            continue;
        hooks->hooks[i].is_forgotten = true;
        atomic_store(&hooks->hooks[i].is_over, true);
    }
}

void en_hooks_free(struct en_hooks *hooks)
{
    if (!hooks)
        return;
    en_hooks_forget(hooks);
    for (size_t i = 0; i < EN_HOOKS_MAX; i++) {
        if (atomic_load(&hooks->hooks[i].stage) == FREE)
            continue;
        pthread_join(hooks->hooks[i].thread, NULL);
        clear(&hooks->hooks[i]);
    }
    free(hooks);
}
