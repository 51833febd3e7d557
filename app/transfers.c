#include "app/transfers.h"

#include "app/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void app_transfers_init(struct app_transfers *transfers)
{
    *transfers = (struct app_transfers){.items = NULL};
}

void app_transfers_deinit(struct app_transfers *transfers)
{
    free(transfers->items);
    app_transfers_init(transfers);
}

bool app_transfer_is_id(const char *id)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._:-";
    size_t len = strlen(id);
    return len > 0 && len < APP_TRANSFER_ID_SIZE && strspn(id, letters) == len;
}

const struct app_transfer *app_transfers_find(const struct app_transfers *transfers, const char *id)
{
    for (size_t i = 0; i < transfers->count; i++) {
        if (strcmp(transfers->items[i].id, id) == 0) {
            return &transfers->items[i];
        }
    }
    return NULL;
}

int app_transfers_reserve(struct app_transfers *transfers)
{
    if (transfers->count == APP_TRANSFERS_MAX) {
        return -E2BIG;
    }
    if (transfers->count < transfers->capacity) {
        return 0;
    }
    size_t capacity = transfers->capacity == 0 ? 16 : transfers->capacity * 2;
    struct app_transfer *items = realloc(transfers->items, capacity * sizeof(*items));
    if (items == NULL) {
        return -ENOMEM;
    }
    transfers->items = items;
    transfers->capacity = capacity;
    return 0;
}

void app_transfers_push(struct app_transfers *transfers, const struct app_transfer *transfer)
{
    assert(transfers->count < transfers->capacity);
    transfers->items[transfers->count++] = *transfer;
}

static unsigned long checksum(const char *bytes, size_t len)
{
    return crc32(0, (const unsigned char *)bytes, (unsigned)len);
}

size_t app_transfer_format(const struct app_transfer *transfer, char line[APP_TRANSFER_LINE_SIZE])
{
    struct app_text text;
    app_text_init(&text, line, APP_TRANSFER_LINE_SIZE);
    app_text_add(&text, "1 %s %" PRIu64 " %" PRIu64 " %" PRIu64, transfer->id, transfer->amount,
                 transfer->before, transfer->after);
    app_text_add(&text, " %08lx\n", checksum(line, text.len));
    assert(!text.cut);
    return text.len;
}

/* line: without its newline, terminated. */
static int parse_line(char *line, struct app_transfer *ret_transfer)
{
    char *words[6];
    size_t count = 0;
    char *crc = strrchr(line, ' ');
    char expected[16];
    if (crc == NULL) {
        return -EINVAL;
    }
    (void)snprintf(expected, sizeof(expected), "%08lx", checksum(line, (size_t)(crc - line)));
    if (strcmp(crc + 1, expected) != 0) {
        return -EINVAL;
    }
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        if (count == 6) {
            return -EINVAL;
        }
        words[count++] = word;
    }
    struct app_transfer transfer;
    if (count != 6 || strcmp(words[0], "1") != 0 || !app_transfer_is_id(words[1]) ||
        app_text_parse_u64(words[2], UINT64_MAX, &transfer.amount) != 0 ||
        app_text_parse_u64(words[3], UINT64_MAX, &transfer.before) != 0 ||
        app_text_parse_u64(words[4], UINT64_MAX, &transfer.after) != 0 ||
        transfer.after < transfer.before || transfer.after - transfer.before != transfer.amount) {
        return -EINVAL;
    }
    (void)snprintf(transfer.id, sizeof(transfer.id), "%s", words[1]);
    *ret_transfer = transfer;
    return 0;
}

int app_transfers_load(struct app_transfers *transfers, const char *bytes, size_t len,
                       size_t *ret_good_len, size_t *ret_line)
{
    size_t good = 0;
    size_t line_number = 1;
    while (good < len) {
        const char *start = bytes + good;
        const char *newline = memchr(start, '\n', len - good);
        size_t line_len = newline == NULL ? len - good : (size_t)(newline - start);
        bool has_nul = memchr(start, '\0', line_len) != NULL;
        bool is_last = newline == NULL || good + line_len + 1 == len;
        char line[APP_TRANSFER_LINE_SIZE];
        struct app_transfer transfer;
        int error = -EINVAL;
        if (newline != NULL && line_len < sizeof(line) && !has_nul) {
            memcpy(line, start, line_len);
            line[line_len] = '\0';
            error = parse_line(line, &transfer);
        }
        if (error != 0 && is_last && (newline == NULL || has_nul)) {
            break;
        }
        if (error == 0) {
            error = app_transfers_reserve(transfers);
        }
        if (error != 0) {
            *ret_line = line_number;
            return error;
        }
        app_transfers_push(transfers, &transfer);
        good += line_len + 1;
        line_number++;
    }
    *ret_good_len = good;
    return 0;
}
