/*
 * access_log: one line per request, buffered per loop, and never in a request's way.
 *
 * Not for the process's own messages (lib/base/log.h).
 * Glossary: torn (a line of which the kernel took only the beginning), sink (what all loops of the
 *   process write to).
 * Shapes: JSON, one object a line, fields in a fixed order, what has no value is left out; or the
 * combined format of web servers, which has no room for mirrors, so that they are left out. Bytes
 * of peers are escaped: a line is always valid JSON in UTF-8 without control characters; a byte
 * that is no UTF-8 becomes \u00XX. The path is cut after 2 KiB and then ends in an ellipsis, other
 * peer fields are cut as PX_ACCESS_FIELD_MAX says. Lines are written in one piece when 48 KiB are
 * full, and by px_access_log_flush(), which a loop calls each second. A log that is blocked, full
 * or failing keeps what fits in the buffer; further lines are dropped whole and counted in
 * stats->log_dropped. The rest of a torn line is written before anything else, even that of another
 * loop.
 * Units: ns since 1970, us, bytes. Errors: init and reopen give the errno of open(2), -ENOMEM;
 * adding never fails. Ownership: caller's memory; views in a line are read within the call only.
 * Threads: one log per loop; the sink is shared by all.
 */
#ifndef PX_SESSION_ACCESS_LOG_H
#define PX_SESSION_ACCESS_LOG_H

#include "lib/base/str.h"
#include "proxy/config/config.h"
#include "proxy/stats/stats.h"

#include <stdatomic.h>

#define PX_ACCESS_BUFFER_BYTES 65536
#define PX_ACCESS_WRITE_BYTES 49152 /* a line that takes the buffer over it has it written */
#define PX_ACCESS_PATH_MAX 2048
#define PX_ACCESS_FIELD_MAX 512

/* What has no value: a time that was not taken. */
#define PX_ACCESS_NONE UINT64_MAX

struct px_access_log;

/* One per process, zeroed. Whoever has a torn line in the file holds it until the rest is out. */
struct px_access_sink {
    _Atomic(const struct px_access_log *) holder;
};

struct px_access_line {
    uint64_t wall_ns; /* when it ended: the line's time */
    struct tn_str request_id;
    struct tn_str client; /* address as text */
    struct tn_str method;
    struct tn_str path;    /* with the query, as received */
    struct tn_str referer; /* combined format only, as is user_agent */
    struct tn_str user_agent;
    const char *rule, *version, *build, *endpoint; /* NULL or "": left out */
    const char *reason; /* of the decision, or of a mirror's drop or failure */
    const char *end;    /* "ok", "client_left", "upstream_broken", "timeout" … */
    uint64_t bytes_in, bytes_out;
    uint64_t duration_us;
    uint64_t upstream_us; /* PX_ACCESS_NONE: no upstream was asked */
    uint64_t revision;
    uint64_t slot, key;
    unsigned status; /* 0: nothing was answered */
    unsigned retries;
    uint8_t version_minor; /* HTTP/1.x of the request; combined format only */
    bool has_slot, has_key;
    bool is_mirror;
};

/* A line's time up to its second, made once a second. */
struct px_access_date {
    uint64_t second;
    uint8_t len;
    char text[31];
};

struct px_access_log {
    /* read by anybody */
    struct px_stats *stats;
    enum px_log_format format;

    /* private */
    struct px_access_sink *sink;
    char *where; /* NULL: off */
    char *buffer;
    size_t used;
    uint64_t failed_ns; /* wall time at which the file took no more; 0: it takes all */
    struct px_access_date date;
    uint8_t kind; /* how the descriptor is written to */
    bool is_torn; /* the buffer starts within a line */
    int fd;
};

/*
 * where: "stdout", "stderr", a path, or NULL: off, and every other call does nothing. A log file is
 * made with mode 0640. sink may be NULL for a log that is alone.
 */
int px_access_log_init(struct px_access_log *log, const char *where, enum px_log_format format,
                       struct px_access_sink *sink, struct px_stats *stats);

static inline bool px_access_log_is_on(const struct px_access_log *log)
{
    return log->where != NULL;
}

/* Value of the first field of that name in a head as text; empty: there is none. A view of head. */
struct tn_str px_access_field(struct tn_str head, struct tn_str name);

/* Formats the line into the buffer; writes when 48 KiB are full. */
void px_access_log_add(struct px_access_log *log, const struct px_access_line *line);

/* Writes what is there, as far as the file takes it without waiting. */
void px_access_log_flush(struct px_access_log *log);

/* After the file was renamed (SIGUSR1): flushes, then opens its name anew. The old one stays in use
 * on error. */
int px_access_log_reopen(struct px_access_log *log);

/* Flushes and closes; lines that cannot be written are counted as dropped. */
void px_access_log_deinit(struct px_access_log *log);

#endif
