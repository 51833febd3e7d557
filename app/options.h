/*
 * options: what the command line and the environment say.
 *
 * Not for checking the data folder or the ports: only their form.
 * Shape: --some-name VALUE or --some-name=VALUE; COUNTER_SOME_NAME=VALUE in the environment; the
 * command line wins, the last of two wins. Variables that we do not know are left alone, since
 * Kubernetes makes COUNTER_PORT and the like for a Service named counter.
 * Units: durations in ms ("500ms", "60s", "2m"; a bare number is seconds).
 * Errors: -EINVAL with one line per mistake, all at once. Ownership: strings point into argv and
 * the environment. Threads: any.
 */
#ifndef APP_OPTIONS_H
#define APP_OPTIONS_H

#include "app/address.h"
#include "app/text.h"

#include <stdbool.h>
#include <stdint.h>

struct app_options {
    struct app_address listen;
    bool has_faults_listen;
    struct app_address faults_listen;
    const char *faults; /* set at the start; "" for none */
    const char *version;
    const char *build;
    const char *name;
    const char *data;
    bool allow_import;
    uint32_t idle_timeout_s;
    uint32_t max_connections;
    uint32_t stop_delay_ms;
    uint32_t stop_linger_ms;
    uint32_t stop_grace_ms;
    bool help; /* nothing else was checked then */
};

/* getenv, or a test's own. */
typedef const char *(app_options_lookup_fn)(const char *name);

/* host_name: what --name is when nobody says. */
int app_options_parse(const char *const *arguments, app_options_lookup_fn *lookup,
                      const char *host_name, struct app_options *ret_options,
                      struct app_text *problems);

void app_options_help(struct app_text *text);

#endif
