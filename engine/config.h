/*
 * config: engine.yaml after all checks, and how it is read.
 *
 * Not for what an update is asked for (request.h).
 * Shapes: strings terminated; paths resolved against the file's folder. Exactly two versions, the
 * pair; with platform local each has a port for every replica. A command is a list of words in
 * which {port} {version} {index} {data} {build} are filled in, and nothing else in braces.
 * Units: in the names. Errors: messages with file, line and column, several at once; any error
 * means no config. Ownership: en_config_free. Threads: any; it never changes.
 */
#ifndef EN_CONFIG_H
#define EN_CONFIG_H

#include "proxy/config/config.h"
#include "strategies/updates/planner.h"

#define EN_VERSIONS 2
#define EN_INSTANCES_MAX 64
#define EN_WORDS_MAX 64
#define EN_NAME_SIZE 64

enum en_on_lost { EN_LOST_DEFAULT, EN_LOST_HOLD, EN_LOST_ABORT };

/* Hooks by enum strategy_hook, and one more that is only told. */
enum { EN_HOOK_NOTIFY = STRATEGY_HOOK_COUNT, EN_HOOK_COUNT };

/* A webhook, or (handover on this machine) a command. */
struct en_hook_config {
    char *url;      /* http://HOST:PORT/PATH, or NULL */
    char **command; /* NULL-terminated, or NULL */
    uint64_t timeout_ms;
    uint32_t retries; /* of what did not answer; one that says no is asked again for ever */
};

struct en_build_config {
    char *name;
    char **command; /* NULL-terminated words */
};

struct en_version_config {
    char *name;
    char *
        build; /* what runs there when the engine has never been told otherwise, or NULL: nothing */
    uint16_t ports[EN_INSTANCES_MAX];
    uint32_t port_count;
    char *data; /* folder of the instances' folders, or NULL: they have no disks */
};

struct en_config {
    char *file;
    char *dir;
    char *service;
    char *proxy; /* as lib/client takes it: "unix:PATH" */
    char *admin_path;
    struct px_address metrics; /* text NULL: none */
    char *store_file;
    char *log_dir;
    char *rule; /* NULL: the last one */
    enum strategy_state state;
    enum en_on_lost on_lost;
    uint32_t replicas;
    struct en_build_config *builds;
    uint32_t build_count;
    struct en_version_config versions[EN_VERSIONS];
    char *ready_path;
    uint64_t ready_timeout_ms; /* from start to ready */
    uint64_t drain_ms;
    uint64_t grace_ms;    /* between SIGTERM and SIGKILL */
    uint64_t progress_ms; /* how long the platform may make no progress */
    uint64_t lease_ms;
    struct en_hook_config hooks[EN_HOOK_COUNT];
};

/* 0 with a config, -EINVAL with messages, -ENOMEM, or the errno of reading (also in messages). */
int en_config_load(const char *path, struct px_messages *messages, struct en_config **ret_config);

/* The same from text. */
int en_config_parse(struct tn_str text, const char *name, const char *dir,
                    struct px_messages *messages, struct en_config **ret_config);

void en_config_free(struct en_config *config);

const struct en_build_config *en_config_find_build(const struct en_config *config,
                                                   const char *name);

/* 0, 1, or -ENOENT. */
int en_config_find_version(const struct en_config *config, const char *name);

#endif
