#include "app/options.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>

typedef int(set_fn)(struct app_options *options, const char *value);

struct rule {
    const char *name; /* without -- */
    const char *env;
    const char *value; /* NULL: a flag */
    const char *expected;
    const char *help;
    set_fn *set;
};

static int set_listen(struct app_options *options, const char *value)
{
    return app_address_parse(value, &options->listen);
}

static int set_faults_listen(struct app_options *options, const char *value)
{
    options->has_faults_listen = true;
    int error = app_address_parse(value, &options->faults_listen);
    return error == 0 && !app_address_is_loopback(&options->faults_listen) ? -EINVAL : error;
}

static int set_faults(struct app_options *options, const char *value)
{
    options->faults = value;
    return 0; /* main asks faults.h, the only one who knows the fields */
}

/* Names go into header fields, labels and pages: no blanks, quotes or control bytes. */
static int check_word(const char *value)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._:@/+-";
    size_t len = strlen(value);
    return len == 0 || len > 255 || strspn(value, letters) != len ? -EINVAL : 0;
}

static int set_version(struct app_options *options, const char *value)
{
    options->version = value;
    return check_word(value);
}

static int set_build(struct app_options *options, const char *value)
{
    options->build = value;
    return check_word(value);
}

static int set_name(struct app_options *options, const char *value)
{
    options->name = value;
    return check_word(value);
}

static int set_data(struct app_options *options, const char *value)
{
    options->data = value;
    return value[0] == '\0' || strlen(value) >= PATH_MAX - 32 ? -EINVAL : 0;
}

static int set_allow_import(struct app_options *options, const char *value)
{
    bool is_on = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
    if (!is_on && strcmp(value, "0") != 0 && strcmp(value, "false") != 0) {
        return -EINVAL;
    }
    options->allow_import = is_on;
    return 0;
}

/* An hour at most. */
static int parse_duration(const char *value, uint32_t *ret_ms)
{
    static const struct {
        const char *unit;
        uint32_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"", 1000}};
    char digits[16];
    size_t len = strspn(value, "0123456789");
    uint64_t number;
    if (len >= sizeof(digits)) {
        return -EINVAL;
    }
    memcpy(digits, value, len);
    digits[len] = '\0';
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(value + len, units[i].unit) != 0) {
            continue;
        }
        if (app_text_parse_u64(digits, 3600000 / units[i].ms, &number) != 0) {
            return -EINVAL;
        }
        *ret_ms = (uint32_t)number * units[i].ms;
        return 0;
    }
    return -EINVAL;
}

static int set_idle_timeout(struct app_options *options, const char *value)
{
    uint32_t ms;
    if (parse_duration(value, &ms) != 0 || ms == 0 || ms % 1000 != 0) {
        return -EINVAL;
    }
    options->idle_timeout_s = ms / 1000;
    return 0;
}

static int set_stop_delay(struct app_options *options, const char *value)
{
    return parse_duration(value, &options->stop_delay_ms);
}

static int set_stop_linger(struct app_options *options, const char *value)
{
    return parse_duration(value, &options->stop_linger_ms);
}

static int set_stop_grace(struct app_options *options, const char *value)
{
    return parse_duration(value, &options->stop_grace_ms);
}

static int set_max_connections(struct app_options *options, const char *value)
{
    uint64_t number;
    if (app_text_parse_u64(value, 60000, &number) != 0 || number == 0) {
        return -EINVAL;
    }
    options->max_connections = (uint32_t)number;
    return 0;
}

#define EXPECTED_WORD "1 to 255 letters, digits and . _ : @ / + -"
#define EXPECTED_DURATION "a duration up to an hour like 500ms, 60s or 2m"

static const struct rule rules[] = {
    {"listen", "COUNTER_LISTEN", "ADDRESS:PORT", "a numeric address and port like 127.0.0.1:5000",
     "where to serve; port 0 takes a free one (127.0.0.1:5000)", set_listen},
    {"version", "COUNTER_VERSION", "NAME", EXPECTED_WORD,
     "the version this is, for example blue (required)", set_version},
    {"build", "COUNTER_BUILD", "NAME", EXPECTED_WORD, "the build that runs (1)", set_build},
    {"name", "COUNTER_NAME", "NAME", EXPECTED_WORD, "this instance, the pod (the host's name)",
     set_name},
    {"data", "COUNTER_DATA", "DIR", "a folder",
     "where visits.bin is kept (required); made if absent, its parents are not", set_data},
    {"allow-import", "COUNTER_ALLOW_IMPORT", NULL, "1 or 0", "take POST /import", set_allow_import},
    {"faults-listen", "COUNTER_FAULTS_LISTEN", "ADDRESS:PORT",
     "an address of this machine only, like 127.0.0.1:0",
     "serve the faults there, loopback only (off)", set_faults_listen},
    {"faults", "COUNTER_FAULTS", "FIELDS", "fields", "faults from the start (none)", set_faults},
    {"idle-timeout", "COUNTER_IDLE_TIMEOUT", "TIME", "whole seconds, 1s to 1 hour",
     "close a connection on which nothing moved for so long (60s)", set_idle_timeout},
    {"max-connections", "COUNTER_MAX_CONNECTIONS", "N", "1 to 60000",
     "more wait to be accepted (4096, and what the descriptor limit leaves)", set_max_connections},
    {"stop-delay", "COUNTER_STOP_DELAY", "TIME", EXPECTED_DURATION,
     "after SIGTERM: go on accepting so long, not ready (0s)", set_stop_delay},
    {"stop-linger", "COUNTER_STOP_LINGER", "TIME", EXPECTED_DURATION,
     "then: keep idle connections so long for a request on its way (500ms)", set_stop_linger},
    {"stop-grace", "COUNTER_STOP_GRACE", "TIME", EXPECTED_DURATION,
     "then: wait at most so long for open requests (25s)", set_stop_grace},
};

#define RULE_COUNT (sizeof(rules) / sizeof(rules[0]))

static const struct rule *find_rule(const char *name, size_t len)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        if (strlen(rules[i].name) == len && memcmp(rules[i].name, name, len) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

static void apply(struct app_options *options, const struct rule *rule, bool is_env,
                  const char *value, struct app_text *problems)
{
    if (rule->set(options, value) != 0) {
        app_text_add(problems, "%s%s \"%.100s\": expected %s\n", is_env ? "" : "--",
                     is_env ? rule->env : rule->name, value, rule->expected);
    }
}

static void read_environment(struct app_options *options, app_options_lookup_fn *lookup,
                             struct app_text *problems)
{
    for (size_t i = 0; i < RULE_COUNT; i++) {
        const char *value = lookup(rules[i].env);
        if (value != NULL) {
            apply(options, &rules[i], true, value, problems);
        }
    }
}

/* Returns how many of the arguments it took, 1 or 2. */
static size_t read_argument(struct app_options *options, const char *const *argument,
                            struct app_text *problems)
{
    const char *text = argument[0];
    const char *equals = strchr(text, '=');
    size_t len = equals == NULL ? strlen(text) : (size_t)(equals - text);
    const struct rule *rule = strncmp(text, "--", 2) == 0 ? find_rule(text + 2, len - 2) : NULL;
    if (rule == NULL) {
        app_text_add(problems, "unknown option \"%.100s\"; counter --help lists them\n", text);
        return 1;
    }
    if (equals != NULL) {
        apply(options, rule, false, equals + 1, problems);
        return 1;
    }
    if (rule->value == NULL) {
        apply(options, rule, false, "1", problems);
        return 1;
    }
    if (argument[1] == NULL) {
        app_text_add(problems, "--%s: a value is missing, expected %s\n", rule->name,
                     rule->expected);
        return 1;
    }
    apply(options, rule, false, argument[1], problems);
    return 2;
}

int app_options_parse(const char *const *arguments, app_options_lookup_fn *lookup,
                      const char *host_name, struct app_options *ret_options,
                      struct app_text *problems)
{
    struct app_options options = {.faults = "",
                                  .build = "1",
                                  .name = check_word(host_name) == 0 ? host_name : "counter",
                                  .idle_timeout_s = 60,
                                  .max_connections = 4096,
                                  .stop_linger_ms = 500,
                                  .stop_grace_ms = 25000};
    for (const char *const *argument = arguments; *argument != NULL; argument++) {
        if (strcmp(*argument, "--help") == 0 || strcmp(*argument, "-h") == 0) {
            options.help = true;
            *ret_options = options;
            return 0;
        }
    }
    set_listen(&options, "127.0.0.1:5000");
    read_environment(&options, lookup, problems);
    while (*arguments != NULL) {
        arguments += read_argument(&options, arguments, problems);
    }
    if (options.version == NULL) {
        app_text_add(problems, "--version is missing, for example --version blue\n");
    }
    if (options.data == NULL) {
        app_text_add(problems, "--data is missing, for example --data ./data\n");
    }
    if (problems->len > 0) {
        return -EINVAL;
    }
    *ret_options = options;
    return 0;
}

void app_options_help(struct app_text *text)
{
    app_text_add(text, "usage: counter --version NAME --data DIR [options]\n\n"
                       "Counts visits, durably, and says which version and instance counted.\n\n"
                       "options (in brackets what holds when nobody says; each also as an\n"
                       "environment variable, which the command line overrides):\n");
    for (size_t i = 0; i < RULE_COUNT; i++) {
        char option[64];
        struct app_text left;
        app_text_init(&left, option, sizeof(option));
        app_text_add(&left, "--%s %s", rules[i].name, rules[i].value == NULL ? "" : rules[i].value);
        app_text_add(text, "  %-29s %-24s %s\n", option, rules[i].env, rules[i].help);
    }
    app_text_add(
        text,
        "\nrequests:\n"
        "  GET /           counts one visit; HTML, JSON (Accept: application/json) or one line\n"
        "  GET /count      the same without counting        GET /version   version, build, name\n"
        "  GET /healthz /readyz /metrics                    never counted\n"
        "  POST /import    {\"transfer\":\"ID\",\"visits\":N}: adds N once per ID; a repeat is "
        "safe\n"
        "  POST /echo-size (or /) takes up to 16 MiB: {\"bytes\":N,\"crc32\":\"…\"}\n"
        "  GET /bytes/N    N bytes that tell their own place; ?chunked=1 without a length\n"
        "faults: GET shows, PUT sets, DELETE clears, as JSON or as a query:\n"
        "  error_rate error_status latency_ms slow_body_ms never_ready wrong_field wrong_rate\n"
        "  crash_after crash\n"
        "\nexample:\n"
        "  counter --listen 127.0.0.1:5001 --version blue --build 1 --name app-blue-0 \\\n"
        "          --data ./data/blue-0 --faults-listen 127.0.0.1:0\n"
        "  curl -H 'Accept: application/json' http://127.0.0.1:5001/\n"
        "  curl -X PUT 'http://127.0.0.1:PORT/?error_rate=20&latency_ms=150'\n"
        "\nexit: 0 stopped by a signal, 1 could not start or go on, 2 wrong usage\n");
}
