#include "lib/journal/private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

int tn_journal_fail(char **ret_why, int error, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    if (!ret_why)
        return error;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        text = NULL;
    va_end(args);
    *ret_why = text;
    return error;
}

void tn_journal_checksum(struct tn_str record, char *buffer)
{
    char text[TN_JOURNAL_HEX + 1];

    snprintf(text, sizeof(text), "%016" PRIx64, (uint64_t)XXH3_64bits(record.ptr, record.len));
    memcpy(buffer, text, TN_JOURNAL_HEX);
}

static int check_line(const char *path, unsigned number, struct tn_str line, char **ret_why)
{
    char expected[TN_JOURNAL_HEX];

    if (line.len < TN_JOURNAL_HEX + 2 || line.ptr[TN_JOURNAL_HEX] != ' ')
        return tn_journal_fail(ret_why, -EBADMSG,
                               "%s:%u: this is not a checksum of 16 digits, a space and a record",
                               path, number);
    tn_journal_checksum(
        (struct tn_str){line.ptr + TN_JOURNAL_HEX + 1, line.len - TN_JOURNAL_HEX - 1}, expected);
    if (memcmp(expected, line.ptr, TN_JOURNAL_HEX) != 0)
        return tn_journal_fail(
            ret_why, -EBADMSG,
            "%s:%u: the line is damaged: its checksum says %.16s, its text gives %.16s", path,
            number, line.ptr, expected);
    return 0;
}

int tn_journal_read_lines(const char *path, struct tn_str text, tn_journal_record_fn *on_record,
                          void *context, size_t *ret_good, char **ret_why)
{
    const char *at = text.ptr;
    const char *end = text.ptr + text.len;
    unsigned number = 0;

    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        struct tn_str line;
        char *why = NULL;
        int error;

        if (!line_end)
            break; /* cut by a crash: nobody was told that this record is there */
        line = (struct tn_str){at, (size_t)(line_end - at)};
        error = check_line(path, ++number, line, ret_why);
        if (error)
            return error;
        line.ptr += TN_JOURNAL_HEX + 1;
        line.len -= TN_JOURNAL_HEX + 1;
        error = on_record(context, number, line, &why);
        if (error) {
            tn_journal_fail(ret_why, error, "%s:%u: %s", path, number,
                            why ? why : strerror(-error));
            free(why);
            return error;
        }
        at = line_end + 1;
    }
    *ret_good = (size_t)(at - text.ptr);
    return 0;
}
