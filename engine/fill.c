#include "engine/fill.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {"port", "version", "index", "data", "build"};

#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

/* The length of "{letters}" at the head of text, or 0. */
static size_t brace_len(struct tn_str text)
{
    size_t len = 1;

    if (text.len < 3 || text.ptr[0] != '{')
        return 0;
    while (len < text.len && (islower((unsigned char)text.ptr[len]) || text.ptr[len] == '_'))
        len++;
    return len > 1 && len < text.len && text.ptr[len] == '}' ? len + 1 : 0;
}

static int find_name(struct tn_str text, size_t len)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (strlen(names[i]) + 2 == len && memcmp(text.ptr + 1, names[i], len - 2) == 0)
            return (int)i;
    }
    return -1;
}

const char *en_fill_unknown(struct tn_str text)
{
    for (; text.len > 0; text.ptr++, text.len--) {
        size_t len = brace_len(text);

        if (len > 0 && find_name(text, len) < 0)
            return text.ptr;
    }
    return NULL;
}

static void put(FILE *out, int name, const struct en_fill *fill)
{
    switch (name) {
    case 0:
        fprintf(out, "%u", fill->port);
        break;
    case 1:
        fputs(fill->version, out);
        break;
    case 2:
        fprintf(out, "%u", fill->index);
        break;
    case 3:
        fputs(fill->data, out);
        break;
    default:
        fputs(fill->build, out);
    }
}

char *en_fill(const char *word, const struct en_fill *fill)
{
    struct tn_str text = tn_str_of(word);
    char *filled = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&filled, &size);

    if (!out)
        return NULL;
    while (text.len > 0) {
        size_t len = brace_len(text);
        int name = len > 0 ? find_name(text, len) : -1;

        if (name >= 0) {
            put(out, name, fill);
        } else {
            fputc(text.ptr[0], out);
            len = 1;
        }
        text.ptr += len;
        text.len -= len;
    }
    if (fclose(out) != 0) {
        free(filled);
        return NULL;
    }
    return filled;
}

void en_fill_free(char **words)
{
    for (char **word = words; word && *word; word++)
        free(*word);
    free(words);
}

char **en_fill_all(char *const *words, const struct en_fill *fill)
{
    size_t count = 0;
    char **filled;

    while (words[count])
        count++;
    filled = calloc(count + 1, sizeof(*filled));
    for (size_t i = 0; filled && i < count; i++) {
        filled[i] = en_fill(words[i], fill);
        if (!filled[i]) {
            en_fill_free(filled);
            return NULL;
        }
    }
    return filled;
}
