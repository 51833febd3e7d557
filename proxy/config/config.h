/*
 * config: the whole configuration file after all checks, and how it is read.
 *
 * Not for what changes at run time (snapshot.h).
 * Shapes: one struct per section; strings terminated; relative paths already resolved against the
 * file's folder. Messages carry file, line and column (from 1); several at once; warnings do not
 * refuse. Units: in the names. Errors: parsing never stops at the first mistake; any error means no
 * config. Ownership: px_config_free, px_messages_deinit. Threads: control thread.
 */
#ifndef PX_CONFIG_CONFIG_H
#define PX_CONFIG_CONFIG_H

#include "lib/http/limits.h"
#include "proxy/config/rule.h"

#include <sys/socket.h>

struct px_address {
    char *text; /* as written */
    struct sockaddr_storage
        sa; /* numeric addresses only in this version; names are refused with a message */
};

struct px_listen {
    struct px_address address;
    bool proxy_protocol; /* every connection starts with a PROXY header, version 1 or 2 */
};

enum px_admin_kind { PX_ADMIN_NONE, PX_ADMIN_UNIX, PX_ADMIN_TCP };

struct px_health_config {
    char *path;
    uint64_t interval_ms, timeout_ms;
    uint32_t up_after, down_after;
};

struct px_version {
    char *name;
    char *build; /* "" if not said */
    struct px_address *endpoints;
    uint32_t endpoint_count;
    enum strategy_balance balance;
    uint32_t max_requests;  /* per endpoint, then a bounded queue */
    uint64_t slow_start_ms; /* 0: an endpoint that came up gets its whole share at once */
    struct px_health_config health;
};

/* Network prefix of `trusted_proxies`. */
struct px_prefix {
    int family;
    uint8_t bytes[16];
    uint8_t bits;
};

#define PX_MEMORY_AUTO 0 /* of what the cgroup allows */

/* Every limit of the design's section 6 by name under `limits:`. Defaults are the design's. */
struct px_limits {
    struct tn_http_limits http;          /* request_line, head, fields, trailers, chunk_extra */
    uint64_t client_head_ms;             /* head_timeout: 10 s absolute */
    uint64_t body_floor_bytes_per_s;     /* body_floor: 500 */
    uint64_t body_grace_ms;              /* body_grace: 5 s */
    uint64_t response_floor_bytes_per_s; /* response_floor: 500 */
    uint64_t response_grace_ms;          /* response_grace: 60 s */
    uint64_t keep_alive_idle_ms;         /* keep_alive: 60 s */
    uint64_t upstream_idle_ms;           /* upstream_idle: 4 s */
    uint32_t upstream_idle_count;        /* upstream_idle_connections: 32 per endpoint and loop */
    uint32_t upstream_requests;          /* upstream_requests: 10,000 per connection */
    uint32_t side_buffer_bytes;          /* side_buffer: 64 KiB */
    uint32_t interim_responses;          /* interim_responses: 8 */
    uint32_t queue_length;        /* queue: requests waiting for an endpoint's max_requests, 128 per
                                     version and loop */
    uint64_t queue_ms;            /* queue_timeout: 1 s */
    uint64_t memory_bytes;        /* memory: PX_MEMORY_AUTO, or PX_NO_LIMIT: off */
    uint32_t connections;         /* connections: 0 = from the descriptor limit */
    uint32_t ejection_failures;   /* ejection_failures: 5 in a row; 0: never */
    uint64_t ejection_ms;         /* ejection_time: 10 s, doubled each time */
    uint64_t ejection_max_ms;     /* ejection_max_time: 5 min */
    uint32_t mirror_in_flight;    /* mirror_in_flight: 256 */
    uint32_t mirror_buffer_bytes; /* mirror_buffer: 64 KiB */
    uint32_t compare_body_bytes;  /* compare_body: 64 KiB */
    uint64_t mirror_memory_bytes; /* mirror_memory: 16 MiB per process */
    uint64_t mirror_connect_ms;   /* mirror_connect: 1 s */
    uint64_t mirror_total_ms;     /* mirror_total: 10 s */
    uint64_t stop_delay_ms;       /* stop_delay: 0 s: readyz is 503 while still accepting */
    uint64_t stop_grace_ms;       /* stop_grace: 25 s */
};

enum px_log_format { PX_LOG_JSON, PX_LOG_COMBINED };

struct px_config {
    char *file;
    char *dir; /* what relative paths start from, as given or as found in the file's path */
    struct px_listen *listens;
    uint32_t listen_count;
    uint32_t threads; /* 0: auto */
    enum px_admin_kind admin_kind;
    char *user;                      /* "turnout", "turnout:adm", or NULL: as started */
    char *admin_path;                /* PX_ADMIN_UNIX */
    char *admin_group;               /* that may open it too: a name or a number, or NULL */
    struct px_address admin_address; /* PX_ADMIN_TCP */
    char *admin_token_file;
    struct px_address metrics; /* text NULL: none */
    char *store_file;          /* NULL: nothing is kept */
    char *access_log;          /* "stdout", "stderr", a path, or NULL: off */
    enum px_log_format log_format;
    struct px_prefix *trusted;
    uint32_t trusted_count;
    struct px_version *versions;
    uint32_t version_count;
    struct px_rule **rules;
    uint32_t rule_count;
    struct px_limits limits;
    uint32_t references; /* private */
};

enum px_severity { PX_ERROR, PX_WARNING };

struct px_message {
    enum px_severity severity;
    uint32_t line, column; /* 0: the file as a whole */
    char *text;            /* what was found, what was expected, did you mean */
};

/* In the order of the file. At most 100 are kept; error_count counts all errors. */
struct px_messages {
    char *file; /* as shown */
    struct px_message *items;
    uint32_t count;
    uint32_t error_count;
};

void px_messages_init(struct px_messages *messages);
void px_messages_deinit(struct px_messages *messages);

/* "turnout.yaml:12:5: error: unknown key 'wieghts' (did you mean 'weights'?)\n" for each, malloc'd;
 * NULL: no memory. */
char *px_messages_format(const struct px_messages *messages);

/* 0 with a config, -EINVAL with messages, -ENOMEM, or the errno of reading the file (also told in
 * messages). */
int px_config_load(const char *path, struct px_messages *messages, struct px_config **ret_config);

/* The same from text; `name` stands for the file in messages, `dir` is what relative paths start
 * from. */
int px_config_parse(struct tn_str text, const char *name, const char *dir,
                    struct px_messages *messages, struct px_config **ret_config);

/*
 * Only a list of rules (YAML or JSON), against the versions of a config: what the admin interface,
 * the store and `set rules -f` take. Same checks, same words. ret_rules is an array of ret_count
 * rules, caller's to free (px_rules_free). Relative key files start at the config's dir. That a
 * version is used by no rule is only said about a whole file.
 */
int px_config_parse_rules(struct tn_str text, const char *name, const struct px_config *config,
                          struct px_messages *messages, struct px_rule ***ret_rules,
                          uint32_t *ret_count);

/* Snapshots share the config that they were built from: one more user. Returns config. */
struct px_config *px_config_ref(struct px_config *config);

/* One user less; the last one frees. NULL is fine. Control thread. */
void px_config_free(struct px_config *config);
void px_rules_free(struct px_rule **rules, uint32_t count);

/* NULL when there is none of that name. */
const struct px_version *px_config_find_version(const struct px_config *config, const char *name);

#define PX_LIMIT_TEXT_SIZE 40

/* The limit number i: its key in the file and its value as the file would have it, into text
 * (PX_LIMIT_TEXT_SIZE). NULL: there is none of that number. */
const char *px_limit_text(const struct px_limits *limits, size_t i, char *text);

/* True when the address is in one of the config's trusted prefixes. IPv4-mapped IPv6 counts as
 * IPv4. */
bool px_prefixes_contain(const struct px_prefix *prefixes, uint32_t count,
                         const struct sockaddr *sa);

#endif
