/*
 * output: a cursor over the caller's buffer that stops at its end.
 *
 * Internal to this room. Shape: put pieces, then tn_http_output_end gives the length or -ENOBUFS;
 * once something did not fit, nothing more is written. Ownership: none. Threads: any.
 */
#ifndef TN_HTTP_OUTPUT_H
#define TN_HTTP_OUTPUT_H

#include "lib/http/message.h"

#include <errno.h>
#include <limits.h>

struct tn_http_output {
    char *start;
    char *at;
    size_t left;
    bool full;
};

static inline struct tn_http_output tn_http_output_of(char *buffer, size_t size)
{
    return (struct tn_http_output){buffer, buffer, size < INT_MAX ? size : INT_MAX, false};
}

static inline void tn_http_put(struct tn_http_output *out, const char *bytes, size_t len)
{
    if (len > out->left) {
        out->full = true;
        out->left = 0;
        return;
    }
    if (len > 0)
        memcpy(out->at, bytes, len);
    out->at += len;
    out->left -= len;
}

static inline void tn_http_put_str(struct tn_http_output *out, struct tn_str text)
{
    tn_http_put(out, text.ptr, text.len);
}

#define TN_HTTP_PUT(out, literal) tn_http_put(out, literal, sizeof(literal) - 1)

static inline int tn_http_output_end(const struct tn_http_output *out)
{
    return out->full ? -ENOBUFS : (int)(out->at - out->start);
}

/* Decimal digits, no leading zero. */
void tn_http_put_number(struct tn_http_output *out, uint64_t value);

/* "name: value" with its line end; name comes with the colon and the space. Inline, so that a
 * literal becomes a few stores. */
static inline void tn_http_put_line(struct tn_http_output *out, struct tn_str name_colon,
                                    struct tn_str value)
{
    tn_http_put_str(out, name_colon);
    tn_http_put_str(out, value);
    TN_HTTP_PUT(out, "\r\n");
}

void tn_http_put_number_line(struct tn_http_output *out, struct tn_str name_colon, uint64_t value);

/* Our element of Via, for a message that was received in this version. */
static inline void tn_http_put_via(struct tn_http_output *out, unsigned version_minor,
                                   struct tn_str name)
{
    if (version_minor == 0)
        tn_http_put_line(out, TN_STR("Via: 1.0 "), name);
    else
        tn_http_put_line(out, TN_STR("Via: 1.1 "), name);
}

/* The Upgrade lines of the head and the Connection line that belongs to them. */
void tn_http_put_upgrade(struct tn_http_output *out, const struct tn_http_head *head);

/* How many digits that takes. */
unsigned tn_http_digits(uint64_t value);

/* The received line of a field, its line end included. */
static inline struct tn_str tn_http_line(const struct tn_http_head *head, unsigned i)
{
    size_t start = head->fields[i].name.offset;
    size_t end = i + 1u < head->field_count ? head->fields[i + 1].name.offset : head->len - 2;

    return (struct tn_str){head->base + start, end - start};
}

/* Neighbouring lines that pass are copied at once: `from` is where the pending run begins. */
struct tn_http_run {
    const char *from;
    const char *to;
};

static inline void tn_http_run_flush(struct tn_http_run *run, struct tn_http_output *out)
{
    if (run->from != run->to)
        tn_http_put(out, run->from, (size_t)(run->to - run->from));
    run->from = run->to = NULL;
}

/* Is the line "name: value" (or without the space) and its end, no other white space around? */
static inline bool tn_http_is_plain_line(const struct tn_http_head *head, unsigned i)
{
    const struct tn_http_field *field = &head->fields[i];
    size_t white = tn_http_line(head, i).len - field->name.len - field->value.len - sizeof(":\r");

    return white == 0 ||
           (white == 1 && head->base[field->name.offset + field->name.len + 1] == ' ');
}

/* "name: value": what was around the value stays behind. Never longer than the line. */
void tn_http_put_trimmed_line(struct tn_http_output *out, const struct tn_http_head *head,
                              unsigned i);

/* Puts the line of field i: as it came, together with its neighbours, if it is in normal form. */
static inline void tn_http_run_add(struct tn_http_run *run, struct tn_http_output *out,
                                   const struct tn_http_head *head, unsigned i)
{
    struct tn_str line = tn_http_line(head, i);

    if (!tn_http_is_plain_line(head, i)) {
        tn_http_run_flush(run, out);
        tn_http_put_trimmed_line(out, head, i);
        return;
    }
    if (run->to != line.ptr) {
        tn_http_run_flush(run, out);
        run->from = line.ptr;
    }
    run->to = line.ptr + line.len;
}

/* The Content-Length line may pass as it is: no leading zeros. */
static inline bool tn_http_is_canonical_length(const struct tn_http_head *head,
                                               const struct tn_http_field *field)
{
    return field->value.len == tn_http_digits((uint64_t)head->content_length);
}

/* An element of this Via value, "1.1 name (comment)", says our name. */
bool tn_http_via_names(struct tn_str value, struct tn_str name);

#endif
