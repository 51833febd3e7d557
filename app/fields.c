#include "app/fields.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

struct reader {
    const char *at;
    const char *problem;
};

struct word {
    char *data;
    size_t size;
    size_t len;
};

static int refuse(struct reader *reader, const char *problem)
{
    reader->problem = problem;
    return -EINVAL;
}

static int put(struct reader *reader, struct word *word, int byte)
{
    if (byte <= 0) {
        return refuse(reader, "a name or value holds a NUL byte or a wrong escape");
    }
    if (word->len + 1 >= word->size) {
        return refuse(reader, "a name or value is too long");
    }
    word->data[word->len++] = (char)byte;
    word->data[word->len] = '\0';
    return 0;
}

static int hex_digit(char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = byte == '\0' ? NULL : strchr(digits, byte | 0x20);
    return found == NULL ? -1 : (int)(found - digits);
}

/* count hexadecimal digits at the reader; -1 if they are none. */
static int read_hex(struct reader *reader, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        int digit = hex_digit(*reader->at);
        if (digit == -1) {
            return -1;
        }
        value = value * 16 + digit;
        reader->at++;
    }
    return value;
}

static void skip_blanks(struct reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
}

/* What stands after a backslash. -1: nothing that we know. */
static int read_escape(struct reader *reader)
{
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    char name = *reader->at;
    const char *found = name == '\0' ? NULL : strchr(names, name);
    if (found != NULL) {
        reader->at++;
        return (unsigned char)bytes[found - names];
    }
    if (name != 'u') {
        return -1;
    }
    reader->at++;
    int value = read_hex(reader, 4);
    return value > 0x7f ? -1 : value;
}

static int read_string(struct reader *reader, struct word *word)
{
    word->len = 0;
    word->data[0] = '\0';
    if (*reader->at != '"') {
        return refuse(reader, "expected a JSON object like {\"name\":\"value\"}");
    }
    reader->at++;
    while (*reader->at != '"') {
        int byte = (unsigned char)*reader->at;
        if (byte < 0x20) {
            return refuse(reader, "a JSON string does not end");
        }
        reader->at++;
        if (byte == '\\') {
            byte = read_escape(reader);
        }
        int error = put(reader, word, byte);
        if (error != 0) {
            return error;
        }
    }
    reader->at++;
    return 0;
}

/* A number, true, false or null, as it stands. */
static int read_bare(struct reader *reader, struct word *word)
{
    size_t len = strspn(reader->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
    word->len = 0;
    word->data[0] = '\0';
    if (len == 0) {
        return refuse(reader, "expected a string, a number, true, false or null");
    }
    int error = 0;
    for (; len > 0 && error == 0; len--) {
        error = put(reader, word, (unsigned char)*reader->at++);
    }
    bool is_number = strchr("-0123456789", word->data[0]) != NULL;
    if (error == 0 && !is_number && strcmp(word->data, "true") != 0 &&
        strcmp(word->data, "false") != 0 && strcmp(word->data, "null") != 0) {
        return refuse(reader, "expected a string, a number, true, false or null");
    }
    return error;
}

static int read_members(struct reader *reader, app_fields_fn *on_field, void *context)
{
    char name_bytes[64];
    char value_bytes[APP_FIELDS_VALUE_SIZE];
    struct word name = {name_bytes, sizeof(name_bytes), 0};
    struct word value = {value_bytes, sizeof(value_bytes), 0};
    for (;;) {
        skip_blanks(reader);
        int error = read_string(reader, &name);
        skip_blanks(reader);
        if (error == 0 && *reader->at++ != ':') {
            error = refuse(reader, "expected ':' after a name");
        }
        if (error == 0) {
            skip_blanks(reader);
            error = *reader->at == '"' ? read_string(reader, &value) : read_bare(reader, &value);
        }
        if (error == 0) {
            error = on_field(context, name.data, value.data, &reader->problem);
        }
        if (error != 0) {
            return error;
        }
        skip_blanks(reader);
        char end = *reader->at;
        if (end != ',' && end != '}') {
            return refuse(reader, "expected ',' or '}' after a value");
        }
        reader->at++;
        if (end == '}') {
            return 0;
        }
    }
}

int app_fields_parse_json(const char *text, app_fields_fn *on_field, void *context,
                          const char **ret_problem)
{
    struct reader reader = {.at = text};
    int error = 0;
    skip_blanks(&reader);
    if (*reader.at != '{') {
        error = refuse(&reader, "expected a JSON object like {\"name\":\"value\"}");
    } else {
        reader.at++;
        skip_blanks(&reader);
        if (*reader.at == '}') {
            reader.at++;
        } else {
            error = read_members(&reader, on_field, context);
        }
    }
    if (error == 0) {
        skip_blanks(&reader);
        if (*reader.at != '\0') {
            error = refuse(&reader, "something follows the JSON object");
        }
    }
    if (error != 0) {
        *ret_problem = reader.problem;
    }
    return error;
}

/* Up to one of the ends, decoded. */
static int read_part(struct reader *reader, const char *ends, struct word *word)
{
    int error = 0;
    word->len = 0;
    word->data[0] = '\0';
    while (error == 0 && *reader->at != '\0' && strchr(ends, *reader->at) == NULL) {
        int byte = (unsigned char)*reader->at++;
        if (byte == '%') {
            byte = read_hex(reader, 2);
        } else if (byte == '+') {
            byte = ' ';
        }
        error = put(reader, word, byte);
    }
    return error;
}

int app_fields_parse_query(const char *text, app_fields_fn *on_field, void *context,
                           const char **ret_problem)
{
    char name_bytes[64];
    char value_bytes[APP_FIELDS_VALUE_SIZE];
    struct word name = {name_bytes, sizeof(name_bytes), 0};
    struct word value = {value_bytes, sizeof(value_bytes), 0};
    struct reader reader = {.at = text};
    int error = 0;
    while (error == 0 && *reader.at != '\0') {
        error = read_part(&reader, "=&", &name);
        if (error == 0 && *reader.at != '=') {
            error = refuse(&reader, "expected NAME=VALUE, separated by &");
        }
        if (error == 0) {
            reader.at++;
            error = read_part(&reader, "&", &value);
        }
        if (error == 0) {
            error = on_field(context, name.data, value.data, &reader.problem);
        }
        if (error == 0 && *reader.at == '&') {
            reader.at++;
        }
    }
    if (error != 0) {
        *ret_problem = reader.problem;
    }
    return error;
}

int app_fields_parse(const char *text, app_fields_fn *on_field, void *context,
                     const char **ret_problem)
{
    const char *first = text + strspn(text, " \t\r\n");
    return *first == '{' ? app_fields_parse_json(text, on_field, context, ret_problem)
                         : app_fields_parse_query(text, on_field, context, ret_problem);
}
