/* XMPP mirror: numbers, identities, what retractions and markers mean, what a trim leaves, letters and groups. */
#ifdef TM_WITHOUT_XMPP
int main(void)
{
    return 0;
}
#else
#include "xmpp_mirror_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SECOND 1000000ull
#define DAY (86400 * SECOND)
#define NOW (1700000000 * SECOND) /* a whole second, as Prosody stamps */
#define WINDOW 120
#define ME "alice"
#define GROUP "team"
#define SYSTEM "@TIM#SYSTEM"

static const atomic_bool running;

typedef struct fixture {
    char directory[32];
    tm_mirror *mirror; /* the XMPP thread's */
    tm_mirror *reader; /* the worker's */
    int ids;           /* archive ids given */
    tm_error err;
} fixture;

static void open_both(fixture *f)
{
    f->mirror = tm_mirror_open(f->directory, ME, &running, &f->err);
    f->reader = tm_mirror_open(f->directory, ME, &running, &f->err);
    assert_non_null(f->mirror);
    assert_non_null(f->reader);
}

static void close_both(fixture *f)
{
    tm_mirror_close(f->mirror);
    tm_mirror_close(f->reader);
}

static void make_directory(fixture *f)
{
    strcpy(f->directory, "/tmp/mirror_XXXXXX");
    assert_non_null(mkdtemp(f->directory));
}

static void remove_directory(const fixture *f)
{
    static const char *const names[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/" ME ".mirror%s", f->directory, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(f->directory), 0);
}

static int begin(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_directory(f);
    open_both(f);
    *state = f;
    return 0;
}

static int end(void **state)
{
    fixture *f = *state;
    close_both(f);
    remove_directory(f);
    free(f);
    return 0;
}

/* ---- items ---- */

/* All is borrowed: such an item is never cleared. */
static tm_item item_of(tm_item_kind kind, const char *group, const char *peer, const char *sender,
                       uint64_t stamp)
{
    tm_item item = {.kind = kind, .stamp = stamp, .conv_type = group ? kTIMConv_Group : kTIMConv_C2C};
    strcpy(item.conv_id, group ? group : peer);
    strcpy(item.sender, sender);
    strcpy(item.actor, sender);
    item.is_self = strcmp(sender, ME) == 0;
    item.id = "";
    return item;
}

/* A message in C2C with `peer`, or in GROUP where that is NULL. */
static tm_item message_of(const char *peer, const char *sender, const char *id, uint64_t stamp)
{
    tm_item item = item_of(TM_ITEM_MESSAGE, peer ? NULL : GROUP, peer, sender, stamp);
    item.id = (char *)(uintptr_t)id;
    item.elems = "[{}]";
    item.is_ours = tm_item_read_id(id, &item.seq, &item.rand, &item.client_time);
    if (item.is_ours) return item;
    item.rand = 77;
    item.client_time = stamp / SECOND;
    return item;
}

static tm_item naming(tm_item_kind kind, const char *peer, const char *sender, const char *target,
                      uint64_t stamp)
{
    tm_item item = item_of(kind, peer ? NULL : GROUP, peer, sender, stamp);
    item.target = (char *)(uintptr_t)target;
    return item;
}

static tm_mirrored put(fixture *f, tm_item item, const char *archive_id, tm_mirror_way way, int64_t floor)
{
    tm_mirrored out;
    const char *archive = item.conv_type == kTIMConv_Group ? item.conv_id : "";
    item.archive_id = (char *)(uintptr_t)archive_id;
    assert_int_equal(tm_mirror_begin(f->mirror, &f->err), 0);
    if (tm_mirror_add(f->mirror, archive, &item, way, floor, WINDOW, &out, &f->err))
        fail_msg("%s", f->err.text);
    assert_int_equal(tm_mirror_commit(f->mirror, &f->err), 0);
    return out;
}

static const char *new_id(fixture *f)
{
    static char id[16];
    snprintf(id, sizeof id, "a%d", ++f->ids);
    return id;
}

static tm_mirrored news(fixture *f, tm_item item)
{
    return put(f, item, new_id(f), TM_MIRROR_NEWS, 0);
}

static tm_mirrored history(fixture *f, tm_item item)
{
    return put(f, item, new_id(f), TM_MIRROR_HISTORY, 0);
}

/* ---- events ---- */

/* The events behind the cursor, which moves; freed by the caller. */
static tm_event *fetch(fixture *f, int64_t *cursor)
{
    tm_event *list;
    int64_t next;
    int rows;
    assert_int_equal(tm_mirror_fetch(f->reader, *cursor, INT64_MAX, 100, &list, &next, &rows, &f->err), 0);
    assert_true(next >= *cursor);
    *cursor = next;
    return list;
}

static int count(const tm_event *list)
{
    int n = 0;
    for (; list; list = list->next)
        n++;
    return n;
}

/* Moves the cursor behind all that is there. */
static int skip_events(fixture *f, int64_t *cursor)
{
    tm_event *list = fetch(f, cursor);
    int n = count(list);
    tm_event_free_list(list);
    return n;
}

/* The one event behind the cursor. */
static tm_event *only(fixture *f, int64_t *cursor)
{
    tm_event *list = fetch(f, cursor);
    assert_int_equal(count(list), 1);
    return list;
}

static bool is_revoked(fixture *f, int64_t number)
{
    tm_mirror_message found;
    assert_int_equal(tm_mirror_at(f->mirror, number, &found, &f->err), 0);
    assert_int_equal(found.number, number);
    tm_free(found.id);
    return found.revoked;
}

/* As a device at `cursor` finds them. */
static void assert_marks_at(fixture *f, int64_t cursor, const char *peer, tm_position mine,
                            tm_position theirs)
{
    tm_position my_read, peer_read;
    assert_int_equal(tm_mirror_read_marks(f->mirror, peer ? kTIMConv_C2C : kTIMConv_Group,
                                          peer ? peer : GROUP, ME, cursor, &my_read, &peer_read, &f->err),
                     0);
    assert_int_equal(my_read, mine);
    assert_int_equal(peer_read, theirs);
}

static void assert_marks(fixture *f, const char *peer, tm_position mine, tm_position theirs)
{
    assert_marks_at(f, INT64_MAX, peer, mine, theirs);
}

/* True if there is more to forget. */
static bool trim(fixture *f, int64_t number)
{
    bool more;
    assert_int_equal(tm_mirror_begin(f->mirror, &f->err), 0);
    assert_int_equal(tm_mirror_erase(f->mirror, number, &f->err), 0);
    assert_int_equal(tm_mirror_forget(f->mirror, number, &more, &f->err), 0);
    assert_int_equal(tm_mirror_commit(f->mirror, &f->err), 0);
    return more;
}

/* ---- the file ---- */

static void *open_and_close(void *argument)
{
    const fixture *f = argument;
    for (int i = 0; i < 20; i++) {
        tm_error err = {0};
        tm_mirror *mirror = tm_mirror_open(f->directory, ME, &running, &err);
        if (!mirror) return tm_strdup(err.text);
        tm_mirror_close(mirror);
    }
    return NULL;
}

static void two_threads_may_open_it_at_once(void **state)
{
    (void)state;
    fixture f = {0};
    pthread_t threads[2];
    make_directory(&f);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &f), 0);
    for (int i = 0; i < 2; i++) {
        void *text;
        assert_int_equal(pthread_join(threads[i], &text), 0);
        if (text) fail_msg("%s", (char *)text);
    }
    remove_directory(&f);
}

static void a_mirror_keeps_everything_when_it_is_opened_again(void **state)
{
    fixture *f = *state;
    char *after = NULL;
    uint64_t stamp, start;
    tm_mirrored first = news(f, message_of("bob", "bob", "x", NOW));
    assert_int_equal(tm_mirror_set_archive(f->mirror, "", "a1", NOW, &f->err), 0);
    assert_int_equal(tm_mirror_set_start(f->mirror, "", NOW - 5, &f->err), 0);
    close_both(f);
    open_both(f);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), first.number);
    assert_true(tm_mirror_has(f->mirror, "", "a1"));
    assert_true(tm_mirror_archive(f->mirror, "", &after, &stamp, &start, &f->err));
    assert_string_equal(after, "a1");
    assert_int_equal(stamp, NOW);
    assert_int_equal(start, NOW - 5);
    tm_free(after);
    assert_false(put(f, message_of("bob", "bob", "x", NOW), "a1", TM_MIRROR_NEWS, 0).fresh);
    int64_t cursor = 0;
    assert_int_equal(skip_events(f, &cursor), 1);
    assert_false(tm_mirror_archive(f->mirror, GROUP, &after, &stamp, &start, &f->err));
    assert_int_equal(tm_mirror_set_archive(f->mirror, GROUP, "", NOW, &f->err), 0);
    assert_int_equal(tm_mirror_drop_archive(f->mirror, GROUP, &f->err), 0);
    assert_false(tm_mirror_archive(f->mirror, GROUP, &after, &stamp, &start, &f->err));
    assert_int_equal(f->err.code, 0);
}

static void execute(fixture *f, const char *text)
{
    if (tm_sql_run(f->mirror->sql, &f->err, text, "")) fail_msg("%s: %s", text, f->err.text);
}

/* The only letter, which is due at `due`, was put there at `from`, or so many seconds later at most. */
static void check_kept(fixture *f, uint64_t from, uint64_t seconds, uint64_t due)
{
    tm_mirror_letter letter;
    uint64_t next;
    assert_int_equal(tm_mirror_due_letter(f->mirror, due, &letter, &next, &f->err), 0);
    assert_non_null(letter.id);
    assert_in_range(letter.kept, from, from + seconds);
    tm_free(letter.id);
    tm_message_clear(&letter.message);
}

static void check_admins(fixture *f, const char *wanted)
{
    char *admins = tm_mirror_admins(f->mirror, GROUP);
    if (wanted)
        assert_string_equal(admins, wanted);
    else
        assert_null(admins);
    tm_free(admins);
}

static void the_admins_of_a_group_are_known_while_the_user_is_in_it(void **state)
{
    fixture *f = *state;
    assert_int_equal(tm_mirror_note_admins(f->mirror, GROUP, "[\"bob\"]", &f->err), 0);
    check_admins(f, NULL);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    check_admins(f, NULL);
    assert_int_equal(tm_mirror_note_admins(f->mirror, GROUP, "[\"bob\"]", &f->err), 0);
    check_admins(f, "[\"bob\"]");
    assert_int_equal(tm_mirror_note_admins(f->mirror, GROUP, "[]", &f->err), 0);
    check_admins(f, "[]");
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, false, 0, &f->err), 0);
    check_admins(f, NULL);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    check_admins(f, NULL);
}

static void check_invited(fixture *f, uint64_t wanted, const char *wanted_born)
{
    uint64_t stamp;
    char *born;
    assert_int_equal(tm_mirror_invited(f->mirror, GROUP, &stamp, &born, &f->err), 0);
    assert_int_equal(stamp, wanted);
    if (wanted)
        assert_string_equal(born, wanted_born);
    else
        assert_null(born);
    tm_free(born);
}

static void an_invitation_back_is_kept_while_the_user_is_in_the_group(void **state)
{
    fixture *f = *state;
    check_invited(f, 0, NULL);
    assert_int_equal(tm_mirror_note_invited(f->mirror, GROUP, NOW, "new", &f->err), 0);
    check_invited(f, 0, NULL);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    assert_int_equal(tm_mirror_note_born(f->mirror, GROUP, "old", &f->err), 0);
    check_invited(f, 0, NULL);
    assert_int_equal(tm_mirror_note_invited(f->mirror, GROUP, NOW - 1, "new", &f->err), 0);
    assert_int_equal(tm_mirror_note_invited(f->mirror, GROUP, NOW, "", &f->err), 0);
    close_both(f);
    open_both(f);
    check_invited(f, NOW, "");
    char *born = tm_mirror_born(f->mirror, GROUP);
    assert_string_equal(born, "old");
    tm_free(born);
    /* it led in, or was overtaken */
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    check_invited(f, 0, NULL);
    assert_int_equal(tm_mirror_note_invited(f->mirror, GROUP, NOW, "new", &f->err), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, false, 0, &f->err), 0);
    check_invited(f, 0, NULL);
}

static void add_change(void *argument, const char *user, const char *affiliation)
{
    char *text = argument;
    snprintf(text + strlen(text), 100 - strlen(text), "%s:%s ", user, affiliation);
}

static void assert_changes(fixture *f, const char *group, const char *expected)
{
    char text[100] = "";
    assert_int_equal(tm_mirror_changes(f->mirror, group, add_change, text, &f->err), 0);
    assert_string_equal(text, expected);
}

static void add_left(void *argument, const char *group)
{
    strcat(argument, group);
    strcat(argument, " ");
}

/* `left`: the groups where it may have to be taken back. */
static void assert_joins(fixture *f, const char *expected, uint64_t expected_since, const char *left)
{
    char *id, text[100] = "";
    uint64_t since;
    assert_int_equal(tm_mirror_join(f->mirror, GROUP, &id, &since, &f->err), 0);
    assert_string_equal(id ? id : "", expected);
    assert_int_equal(since, expected_since);
    tm_free(id);
    assert_int_equal(tm_mirror_left_joins(f->mirror, add_left, text, &f->err), 0);
    assert_string_equal(text, left);
}

static void that_a_group_was_joined_is_kept_until_it_was_said(void **state)
{
    fixture *f = *state;
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    assert_int_equal(tm_mirror_put_join(f->mirror, GROUP, "tm-1-2-3", 77, &f->err), 0);
    close_both(f);
    open_both(f);
    assert_joins(f, "tm-1-2-3", 77, "");
    assert_int_equal(tm_mirror_drop_join(f->mirror, GROUP, "tm-1-2-4", &f->err), 0);
    assert_joins(f, "tm-1-2-3", 77, "");
    /* who is out may have been heard; who comes again says that anew */
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, false, 0, &f->err), 0);
    assert_joins(f, "tm-1-2-3", 77, GROUP " ");
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    assert_joins(f, "", 0, "");
    assert_int_equal(tm_mirror_put_join(f->mirror, GROUP, "tm-4-5-6", 78, &f->err), 0);
    assert_int_equal(tm_mirror_drop_join(f->mirror, GROUP, "tm-4-5-6", &f->err), 0);
    assert_joins(f, "", 0, "");
}

static void changes_of_a_groups_list_are_kept_until_they_are_made(void **state)
{
    fixture *f = *state;
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 0, &f->err), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, "other", true, 0, &f->err), 0);
    assert_int_equal(tm_mirror_put_change(f->mirror, GROUP, "bob", "member", &f->err), 0);
    assert_int_equal(tm_mirror_put_change(f->mirror, "other", "bob", "member", &f->err), 0);
    assert_int_equal(tm_mirror_put_change(f->mirror, GROUP, "adam", "member", &f->err), 0);
    assert_int_equal(tm_mirror_put_change(f->mirror, GROUP, "Bob", "none", &f->err), 0);
    close_both(f);
    open_both(f);
    assert_changes(f, GROUP, "bob:member adam:member Bob:none ");
    /* the last counts, and is not what was made */
    assert_int_equal(tm_mirror_put_change(f->mirror, GROUP, "bob", "none", &f->err), 0);
    assert_int_equal(tm_mirror_drop_change(f->mirror, GROUP, "bob", "member", &f->err), 0);
    assert_int_equal(tm_mirror_drop_change(f->mirror, GROUP, "Bob", "none", &f->err), 0);
    assert_changes(f, GROUP, "adam:member bob:none ");
    assert_int_equal(tm_mirror_drop_change(f->mirror, GROUP, "adam", NULL, &f->err), 0);
    assert_changes(f, GROUP, "bob:none ");
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, false, 0, &f->err), 0);
    assert_changes(f, GROUP, "");
    assert_changes(f, "other", "bob:member ");
}

/* One that has the rows that an earlier version wrote. */
static void a_mirror_of_an_earlier_version_goes_on(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored ours = put(f, message_of(NULL, "bob", "tm-5-6-7", NOW), "room-1", TM_MIRROR_NEWS, 0);
    tm_mirrored other = put(f, message_of(NULL, "bob", "x", NOW), "room-2", TM_MIRROR_NEWS, 0);
    tm_item tips = message_of(NULL, "bob", "tm-5-6-7", NOW);
    tips.kind = TM_ITEM_TIPS;
    strcpy(tips.sender, SYSTEM);
    tm_mirrored tip = put(f, tips, "room-3", TM_MIRROR_NEWS, 0);
    put(f, naming(TM_ITEM_RETRACT, NULL, "bob", "gone", NOW), "room-4", TM_MIRROR_NEWS, 0);
    tm_message message = {.conv_type = kTIMConv_C2C, .conv_id = "bob", .client_time = 7, .elems = "[{}]"};
    assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 100, &f->err), 0);
    execute(f, "UPDATE letters SET sent = 50");
    execute(f, "ALTER TABLE letters DROP COLUMN kept");
    execute(f, "UPDATE log SET sender = actor WHERE kind = 2");
    execute(f, "DROP INDEX log_message");
    execute(f, "DROP INDEX log_tips");
    execute(f, "ALTER TABLE log DROP COLUMN twin");
    execute(f, "ALTER TABLE log DROP COLUMN content");
    execute(f, "ALTER TABLE groups DROP COLUMN since");
    execute(f, "ALTER TABLE groups DROP COLUMN last");
    execute(f, "ALTER TABLE groups DROP COLUMN heard");
    execute(f, "ALTER TABLE groups DROP COLUMN admins");
    execute(f, "DROP TABLE changes");
    execute(f, "DROP TABLE joins");
    execute(f, "ALTER TABLE groups DROP COLUMN invited");
    execute(f, "ALTER TABLE groups DROP COLUMN invited_to");
    execute(f, "DROP INDEX log_foreign");
    execute(f, "DROP INDEX log_retraction");
    execute(f, "CREATE UNIQUE INDEX log_message ON log(conv, conv_type, id, sender) WHERE kind IN (1, 6)");
    execute(f, "PRAGMA user_version=3");
    close_both(f);
    open_both(f);
    assert_int_equal(skip_events(f, &cursor), 3);
    check_kept(f, 50, 1, 100);
    /* all is there, and is not taken for new */
    assert_int_equal(news(f, message_of(NULL, "bob", "tm-5-6-7", NOW + DAY)).number, ours.number);
    assert_int_equal(news(f, message_of(NULL, "bob", "x", NOW + SECOND)).number, other.number);
    assert_int_equal(news(f, tips).number, tip.number);
    assert_true(history(f, message_of(NULL, "bob", "gone", NOW - 1)).revoked);
    /* what is new goes by the new rules */
    assert_true(news(f, message_of(NULL, "bob", "x", NOW + DAY)).fresh);
    strcpy(tips.actor, "mallory");
    assert_true(news(f, tips).fresh);
}

static void what_was_rolled_back_was_never_there(void **state)
{
    fixture *f = *state;
    tm_mirrored out;
    int64_t cursor = 0;
    tm_item item = message_of("bob", "bob", "x", NOW);
    item.archive_id = "a";
    assert_int_equal(tm_mirror_begin(f->mirror, &f->err), 0);
    assert_int_equal(tm_mirror_add(f->mirror, "", &item, TM_MIRROR_NEWS, 0, WINDOW, &out, &f->err), 0);
    assert_int_equal(skip_events(f, &cursor), 0); /* the other handle does not see it yet */
    tm_mirror_rollback(f->mirror);
    assert_false(tm_mirror_has(f->mirror, "", "a"));
    assert_true(put(f, message_of("bob", "bob", "x", NOW), "a", TM_MIRROR_NEWS, 0).fresh);
}

/* ---- numbers ---- */

static void news_of_one_second_keep_their_order(void **state)
{
    fixture *f = *state;
    const char *ids[] = {"x", "y", "z"};
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(news(f, message_of("bob", "bob", ids[i], NOW)).number, NOW + i);
    assert_int_equal(news(f, message_of("bob", "bob", "late", NOW + SECOND)).number, NOW + SECOND);
    /* what comes late is behind what was heard, whatever it is stamped */
    assert_int_equal(news(f, message_of("eve", "eve", "old", NOW - SECOND)).number, NOW + SECOND + 1);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), NOW + SECOND + 1);
}

static void history_fills_in_below(void **state)
{
    fixture *f = *state;
    tm_mirrored now = news(f, message_of("bob", "bob", "now", NOW));
    /* one walk: three of the second that is known, a whole second before */
    tm_mirrored out = history(f, message_of("bob", "bob", "1", NOW - SECOND));
    assert_int_equal(out.number, NOW - SECOND);
    assert_true(out.fresh);
    out = put(f, message_of("bob", "bob", "2", NOW - SECOND), "h2", TM_MIRROR_HISTORY, out.number);
    assert_int_equal(out.number, NOW - SECOND + 1);
    /* another walk meets the same second: its number is free, and behind its floor */
    out = put(f, message_of("eve", "eve", "3", NOW - SECOND), "h3", TM_MIRROR_HISTORY, 0);
    assert_int_equal(out.number, NOW - SECOND + 2);
    /* stamps that go back do not turn the order round */
    out = put(f, message_of("eve", "eve", "4", NOW - 2 * SECOND), "h4", TM_MIRROR_HISTORY, out.number);
    assert_int_equal(out.number, NOW - SECOND + 3);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), now.number);
    assert_int_equal(news(f, message_of("bob", "bob", "next", NOW)).number, now.number + 1);
}

/* A device that has heard nothing yet stands before all of it. */
static void history_is_no_event(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    assert_false(history(f, message_of("bob", "bob", "1", NOW - SECOND)).told);
    assert_true(news(f, message_of("bob", "bob", "2", NOW)).told);
    tm_event *list = fetch(f, &cursor);
    assert_non_null(list);
    assert_null(list->next);
    assert_int_equal(list->message.server_time, NOW / SECOND);
    tm_event_free_list(list);
    /* unless it is wanted as news */
    assert_int_equal(tm_mirror_want(f->mirror, "", "wanted", &f->err), 0);
    assert_true(put(f, message_of("bob", "bob", "3", NOW - 2 * SECOND), "wanted", TM_MIRROR_HISTORY, 0).told);
    list = fetch(f, &cursor);
    assert_non_null(list);
    tm_event_free_list(list);
}

/* Otherwise news would meet a number that is taken, or lie before a cursor that has passed them. */
static void history_beyond_the_top_is_the_top(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored out = history(f, message_of("bob", "bob", "1", NOW));
    assert_int_equal(out.number, NOW);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), NOW);
    assert_int_equal(skip_events(f, &cursor), 0);
    assert_int_equal(news(f, message_of("eve", "eve", "2", NOW)).number, NOW + 1);
    assert_int_equal(news(f, message_of("eve", "eve", "3", NOW - SECOND)).number, NOW + 2);
    assert_int_equal(skip_events(f, &cursor), 2);
}

static void a_new_device_numbers_behind_its_beginning(void **state)
{
    fixture *f = *state;
    assert_int_equal(tm_mirror_set_top(f->mirror, NOW, &f->err), 0);
    assert_int_equal(tm_mirror_top(f->reader, &f->err), NOW);
    assert_int_equal(news(f, message_of("bob", "bob", "x", NOW - SECOND)).number, NOW + 1);
}

static void what_is_older_than_the_archives_start_is_no_news(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0, start = (int64_t)NOW;
    tm_item old = message_of("bob", "bob", "x", NOW - SECOND);
    tm_mirrored out = put(f, old, "old", TM_MIRROR_NEWS, start);
    assert_int_equal(out.number, 0);
    assert_false(out.fresh);
    assert_true(tm_mirror_has(f->mirror, "", "old"));
    assert_int_equal(skip_events(f, &cursor), 0);
    assert_true(put(f, old, "old", TM_MIRROR_HISTORY, 0).fresh);
    /* it waited for the user's first device */
    tm_item waited = message_of("bob", "bob", "y", NOW - SECOND);
    put(f, waited, "waited", TM_MIRROR_NEWS, start);
    assert_int_equal(tm_mirror_want(f->mirror, "", "waited", &f->err), 0);
    assert_false(tm_mirror_has(f->mirror, "", "waited"));
    cursor = tm_mirror_top(f->mirror, &f->err);
    assert_true(put(f, waited, "waited", TM_MIRROR_NEWS, start).fresh);
    assert_int_equal(skip_events(f, &cursor), 1);
    /* what is known is never wanted again */
    assert_int_equal(tm_mirror_want(f->mirror, "", "waited", &f->err), 0);
    assert_true(tm_mirror_has(f->mirror, "", "waited"));
    /* and what was there when the device began is passed, unless it was wanted first */
    assert_int_equal(tm_mirror_pass(f->mirror, "", "waited", &f->err), 0);
    assert_int_equal(tm_mirror_pass(f->mirror, "", "passed", &f->err), 0);
    tm_item passed = message_of("bob", "bob", "z", NOW);
    assert_false(put(f, passed, "passed", TM_MIRROR_NEWS, start).fresh);
    assert_true(put(f, passed, "passed", TM_MIRROR_HISTORY, 0).fresh);
    assert_int_equal(tm_mirror_want(f->mirror, "", "first", &f->err), 0);
    assert_int_equal(tm_mirror_pass(f->mirror, "", "first", &f->err), 0);
    assert_true(put(f, message_of("bob", "bob", "w", NOW - 5), "first", TM_MIRROR_NEWS, start).fresh);
}

/* ---- identities ---- */

static void a_message_is_there_once(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_item item = message_of("bob", "bob", "tm-5-6-7", NOW);
    tm_mirrored first = put(f, item, "one", TM_MIRROR_NEWS, 0);
    assert_true(first.fresh && !first.again);
    assert_int_equal(first.seq, 5);
    tm_mirrored same = put(f, item, "one", TM_MIRROR_NEWS, 0);
    assert_false(same.fresh || same.again);
    assert_int_equal(same.number, first.number);
    assert_int_equal(same.seq, 5);
    /* sent again, or archived twice: another archive id, the same message */
    item.stamp += 9 * SECOND;
    tm_mirrored again = put(f, item, "two", TM_MIRROR_HISTORY, 0);
    assert_true(again.again && !again.fresh);
    assert_int_equal(again.number, first.number);
    assert_true(tm_mirror_has(f->mirror, "", "two"));
    assert_false(tm_mirror_has(f->mirror, "", "three"));
    assert_false(tm_mirror_has(f->mirror, GROUP, "one"));
    assert_int_equal(skip_events(f, &cursor), 1);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), first.number);
    /* the same id of another sender, in another conversation, in a group of that name */
    assert_true(news(f, message_of("bob", ME, "tm-5-6-7", NOW)).fresh);
    assert_true(news(f, message_of("eve", ME, "tm-5-6-7", NOW)).fresh);
    tm_item in_group = message_of(NULL, ME, "tm-5-6-7", NOW);
    strcpy(in_group.conv_id, "eve");
    assert_true(news(f, in_group).fresh);
    assert_int_equal(skip_events(f, &cursor), 3);
}

static tm_item saying(tm_item item, char *elems)
{
    item.elems = elems;
    return item;
}

/* A program that numbers what it says, and begins anew with each of its connections. */
static void an_id_of_another_client_may_come_again(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_item item = message_of("bob", "bob", "1", NOW);
    tm_mirrored first = news(f, saying(item, "[1]"));
    tm_mirrored second = news(f, saying(item, "[2]"));
    assert_true(first.fresh && second.fresh && second.number != first.number && second.seq != first.seq);
    assert_int_equal(second.rand, first.rand);
    /* archived twice, or sent again at once */
    tm_mirrored again = news(f, saying(item, "[2]"));
    assert_true(!again.fresh && again.again);
    assert_int_equal(again.number, second.number);
    item.stamp = NOW + 60 * SECOND;
    assert_int_equal(news(f, saying(item, "[1]")).number, first.number);
    /* the same words a while later */
    item.stamp++;
    tm_mirrored third = news(f, saying(item, "[1]"));
    assert_true(third.fresh);
    assert_int_equal(skip_events(f, &cursor), 3);
    /* once the store has the contents too */
    trim(f, third.number);
    assert_int_equal(news(f, saying(item, "[1]")).number, third.number);
    assert_true(news(f, saying(item, "[4]")).fresh);
    assert_true(history(f, saying(message_of("bob", "bob", "1", NOW - DAY), "[1]")).fresh);
    /* ids that their senders call unique, and those of ours */
    item = message_of("bob", "bob", "o", NOW);
    item.has_origin_id = true;
    assert_true(news(f, saying(item, "[1]")).fresh);
    item.stamp += DAY;
    assert_false(news(f, saying(item, "[2]")).fresh);
    item.has_origin_id = false;
    assert_true(news(f, saying(item, "[2]")).fresh);
    assert_true(news(f, saying(message_of("bob", "bob", "tm-5-6-7", NOW), "[1]")).fresh);
    assert_false(news(f, saying(message_of("bob", "bob", "tm-5-6-7", NOW + DAY), "[2]")).fresh);
}

/* Whoever names such an id means what was said under it last. */
static void an_id_that_came_again_names_the_last_message(void **state)
{
    fixture *f = *state;
    tm_mirrored first = news(f, saying(message_of("bob", "bob", "1", NOW), "[1]"));
    assert_true(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "1", NOW + 1)).valid);
    tm_mirrored second = news(f, saying(message_of("bob", "bob", "1", NOW + 2), "[2]"));
    assert_marks(f, "bob", first.number, 0); /* what was read before it was said is the other one */
    assert_int_equal(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "1", NOW + 3)).target, second.number);
    assert_marks(f, "bob", second.number, 0);
    assert_int_equal(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "1", NOW + 4)).target, second.number);
    assert_true(is_revoked(f, second.number));
    assert_false(is_revoked(f, first.number));
    /* and not what is said later, or comes as history */
    assert_false(news(f, saying(message_of("bob", "bob", "1", NOW + 5), "[3]")).revoked);
    assert_false(history(f, saying(message_of("bob", "bob", "1", NOW - 1), "[0]")).revoked);
    /* nor what it could not mean, as it was not said yet; what was said before it came, it may */
    assert_false(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "2", NOW)).target);
    assert_false(news(f, saying(message_of("bob", "bob", "2", NOW + 1), "[1]")).revoked);
    assert_true(history(f, saying(message_of("bob", "bob", "2", NOW - 1), "[0]")).revoked);
    /* read backwards */
    second = history(f, saying(message_of("eve", "eve", "1", NOW - 10), "[2]"));
    tm_item marker = naming(TM_ITEM_DISPLAYED, "eve", ME, "1", NOW - 19);
    history(f, marker);
    first = history(f, saying(message_of("eve", "eve", "1", NOW - 20), "[1]"));
    assert_marks(f, "eve", first.number, 0);
}

/* However often: the cost of each must not grow with it. */
static void an_id_that_came_too_often_is_that_of_the_latest(void **state)
{
    fixture *f = *state;
    tm_mirror_message found;
    tm_mirrored all[100];
    char elems[16];
    for (int i = 99; i >= 0; i--) { /* in any order */
        int at = i ^ 1;
        snprintf(elems, sizeof elems, "[%d]", at);
        tm_item item = message_of("bob", "bob", "1", NOW + (unsigned)at);
        item.wants_receipt = true;
        all[at] = history(f, saying(item, elems));
        assert_true(all[at].fresh);
    }
    for (int i = 0; i < 100; i += 33) {
        assert_int_equal(tm_mirror_at(f->mirror, all[i].number, &found, &f->err), 0);
        assert_string_equal(found.id, i == 99 ? "1" : "");
        tm_free(found.id);
    }
    assert_int_equal(
        tm_sql_int(f->mirror->sql, &f->err, 0, "SELECT count(*) FROM log WHERE id = '1' AND receipt", ""),
        64);
    assert_int_equal(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "1", NOW + SECOND)).target, all[99].number);
    assert_int_equal(put(f, message_of("bob", "bob", "1", NOW), "a100", TM_MIRROR_HISTORY, 0).number,
                     all[1].number);
}

/* What this device asks others to do to a message must not be done to another one. */
static void an_older_message_of_an_id_is_named_by_the_room_or_not_at_all(void **state)
{
    fixture *f = *state;
    tm_mirror_message found;
    const struct {
        const char *peer, *wanted[2];
    } cases[] = {{NULL, {"room-1", "room-2"}}, {"bob", {"", "1"}}};
    for (int i = 0; i < 2; i++) {
        const char *peer = cases[i].peer;
        int64_t numbers[2];
        numbers[0] =
            put(f, saying(message_of(peer, "bob", "1", NOW), "[1]"), "room-1", TM_MIRROR_NEWS, 0).number;
        assert_int_equal(tm_mirror_at(f->mirror, numbers[0], &found, &f->err), 0);
        assert_string_equal(found.id, "1");
        tm_free(found.id);
        numbers[1] =
            put(f, saying(message_of(peer, "bob", "1", NOW), "[2]"), "room-2", TM_MIRROR_NEWS, 0).number;
        news(f, message_of(peer, ME, "1", NOW)); /* another sender's is another matter */
        for (int j = 0; j < 2; j++) {
            assert_int_equal(tm_mirror_at(f->mirror, numbers[j], &found, &f->err), 0);
            assert_string_equal(found.id, cases[i].wanted[j]);
            tm_free(found.id);
        }
    }
}

static tm_item tips_of(const char *actor, const char *id, uint64_t stamp)
{
    tm_item item = message_of(NULL, actor, id, stamp);
    item.kind = TM_ITEM_TIPS;
    strcpy(item.sender, SYSTEM);
    return item;
}

/* All of them have one sender, and each member may write under any id. */
static void tips_are_known_by_who_caused_them(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored first = news(f, tips_of("mallory", "tm-5-6-7", NOW)), again;
    assert_int_equal(first.rand, 6);
    tm_mirrored hers = put(f, tips_of("eve", "tm-5-6-7", NOW - 1), "h", TM_MIRROR_HISTORY, 0);
    assert_true(hers.fresh && hers.number != first.number);
    assert_int_equal(hers.seq, 5);
    assert_int_not_equal(hers.rand, 6); /* or the store would take it for the other */
    tm_mirrored third = news(f, tips_of("mallory", "tm-5-6-8", NOW));
    assert_true(third.fresh && third.rand != 6 && third.rand != hers.rand);
    /* sent again, or archived twice */
    again = news(f, tips_of("eve", "tm-5-6-7", NOW));
    assert_true(!again.fresh && again.again);
    assert_int_equal(again.number, hers.number);
    assert_int_equal(again.rand, hers.rand);
    again = put(f, tips_of("eve", "tm-5-6-7", NOW - 1), "h", TM_MIRROR_HISTORY, 0);
    assert_int_equal(again.number, hers.number);
    assert_int_equal(again.rand, hers.rand);
    tm_event *list = fetch(f, &cursor);
    assert_int_equal(count(list), 2);
    assert_int_equal(list->message.rand, 6);
    assert_int_equal(list->next->message.rand, third.rand);
    tm_event_free_list(list);
    /* elsewhere, or of a message, it is another matter */
    tm_item item = tips_of("eve", "tm-5-6-7", NOW);
    strcpy(item.conv_id, "other");
    assert_int_equal(news(f, item).rand, 6);
    assert_int_equal(news(f, message_of(NULL, "eve", "tm-5-6-7", NOW)).rand, 6);
}

static void a_seq_is_the_senders_or_that_of_its_time(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored ours = news(f, message_of("bob", "bob", "tm-fffffffffffffffe-ff-10", NOW));
    assert_int_equal(ours.seq, UINT64_MAX - 1);
    tm_mirrored other = news(f, message_of("bob", "bob", "x", NOW));
    assert_int_equal(other.seq, NOW);
    tm_event *list = fetch(f, &cursor);
    assert_int_equal(count(list), 2);
    assert_int_equal(list->message.seq, UINT64_MAX - 1);
    assert_int_equal(list->next->message.seq, NOW);
    tm_event_free_list(list);
    assert_int_equal(tm_mirror_top_seq(f->mirror, kTIMConv_C2C, "bob"), UINT64_MAX - 1);
    assert_int_equal(tm_mirror_top_seq(f->mirror, kTIMConv_Group, "bob"), 0);
}

/* Whatever is said elsewhere meanwhile, and whatever was read before. */
static void a_seq_of_another_client_is_the_same_when_it_is_read_again(void **state)
{
    fixture *f = *state;
    static const char *const ids[] = {"x", "y", "z"};
    uint64_t seqs[3];
    for (unsigned i = 0; i < 3; i++) {
        news(f, message_of("eve", "eve", ids[i], NOW));
        seqs[i] = news(f, message_of("bob", "bob", ids[i], NOW)).seq;
        assert_int_equal(seqs[i], NOW + i);
    }
    close_both(f);
    remove_directory(f);
    make_directory(f);
    open_both(f);
    assert_int_equal(tm_mirror_go_on(f->mirror, NOW + DAY, &f->err), 0);
    for (unsigned i = 0; i < 3; i++) {
        tm_mirrored again = news(f, message_of("bob", "bob", ids[i], NOW));
        assert_int_equal(again.seq, seqs[i]);
        assert_true(again.number > (int64_t)(NOW + DAY));
    }
    /* history comes before what was heard, and what is news within the second where the archive begins behind it */
    assert_int_equal(history(f, message_of("bob", "bob", "h", NOW - SECOND)).seq, NOW - SECOND);
    assert_int_equal(put(f, message_of("ann", "ann", "n", NOW), "n", TM_MIRROR_NEWS, NOW).seq, NOW + 500000);
    assert_int_equal(history(f, message_of("ann", "ann", "before", NOW)).seq, NOW);
}

/* A store that has gone further than its mirror is told what it may have, and nothing of who had read how far. */
static void a_mirror_that_is_behind_its_store_goes_on_behind_it(void **state)
{
    fixture *f = *state;
    int64_t cursor = NOW + 10;
    news(f, message_of("bob", "bob", "tm-1-1-1", NOW - SECOND));
    assert_int_equal(tm_mirror_go_on(f->mirror, cursor, &f->err), 0);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), cursor);
    assert_int_equal(tm_mirror_go_on(f->mirror, cursor - 5, &f->err), 0);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), cursor);
    news(f, message_of("bob", ME, "tm-2-2-2", NOW));
    news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "tm-2-2-2", NOW + 1));
    tm_event *event = only(f, &cursor);
    assert_true(event->again);
    tm_event_free_list(event);
    assert_marks(f, "bob", 0, 0);
    news(f, message_of("bob", "bob", "tm-3-3-3", NOW + SECOND));
    event = only(f, &cursor);
    assert_false(event->again);
    tm_event_free_list(event);
    tm_mirrored last = news(f, message_of("bob", ME, "tm-4-4-4", NOW + SECOND));
    news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "tm-4-4-4", NOW + SECOND));
    assert_int_equal(skip_events(f, &cursor), 2);
    assert_marks(f, "bob", 0, last.number);
}

static void messages_are_found_by_identity_and_number(void **state)
{
    fixture *f = *state;
    tm_mirror_message found;
    tm_mirrored ours = news(f, message_of(NULL, "bob", "tm-5-6-7", NOW + 3));
    news(f, message_of(NULL, "eve", "tm-5-6-7", NOW));
    tm_mirrored other = news(f, message_of(NULL, "bob", "x", NOW));
    assert_int_equal(tm_mirror_find(f->mirror, kTIMConv_Group, GROUP, "bob", 5, 6, &found, &f->err), 0);
    assert_int_equal(found.number, ours.number);
    assert_string_equal(found.id, "tm-5-6-7");
    assert_string_equal(found.sender, "bob");
    assert_int_equal(found.client_time, 7);
    assert_int_equal(found.stamp, NOW + 3);
    assert_false(found.is_self);
    assert_false(found.revoked);
    tm_free(found.id);
    assert_int_equal(tm_mirror_find(f->mirror, kTIMConv_Group, GROUP, "bob", other.seq, 77, &found, &f->err),
                     0);
    assert_int_equal(found.number, other.number);
    tm_free(found.id);
    assert_int_equal(tm_mirror_find(f->mirror, kTIMConv_C2C, GROUP, "bob", 5, 6, &found, &f->err), 0);
    assert_int_equal(found.number, 0);
    assert_int_equal(tm_mirror_find(f->mirror, kTIMConv_Group, GROUP, ME, 5, 6, &found, &f->err), 0);
    assert_int_equal(found.number, 0);
    assert_int_equal(tm_mirror_at(f->mirror, ours.number + 99, &found, &f->err), 0);
    assert_int_equal(found.number, 0);
    assert_null(found.id);
}

static void other_items_leave_only_their_archive_id(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    const tm_item_kind kinds[] = {TM_ITEM_NOTHING, TM_ITEM_RECEIVED, TM_ITEM_INVITATION};
    const char *ids[] = {"nothing", "received", "invitation"};
    for (int i = 0; i < 3; i++) {
        tm_item item = item_of(kinds[i], NULL, "bob", "bob", NOW);
        tm_mirrored out = put(f, item, ids[i], TM_MIRROR_NEWS, 0);
        assert_int_equal(out.number, 0);
        assert_int_equal(out.fresh, i > 0); /* an invitation counts once */
        assert_true(tm_mirror_has(f->mirror, "", ids[i]));
        assert_false(put(f, item, ids[i], TM_MIRROR_NEWS, 0).fresh);
    }
    assert_int_equal(skip_events(f, &cursor), 0);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), 0);
}

static void a_refused_message_is_nobodys(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    assert_int_equal(tm_mirror_refuse(f->mirror, "bob", "x", 0, &f->err), 0);
    assert_int_equal(tm_mirror_refuse(f->mirror, "bob", "x", 0, &f->err), 0);
    assert_int_equal(put(f, message_of("bob", ME, "x", NOW), "r1", TM_MIRROR_NEWS, 0).number, 0);
    assert_true(tm_mirror_has(f->mirror, "", "r1"));
    assert_int_equal(skip_events(f, &cursor), 0);
    /* only the user's own, and only there */
    assert_true(news(f, message_of("bob", "bob", "x", NOW)).fresh);
    assert_true(news(f, message_of("eve", ME, "x", NOW)).fresh);
    assert_int_equal(tm_mirror_unrefuse(f->mirror, "bob", "x", &f->err), 0);
    tm_mirrored again = put(f, message_of("bob", ME, "x", NOW), "r2", TM_MIRROR_NEWS, 0);
    assert_true(again.fresh);
    /* it is refused once more, and known by then; and sent at last */
    assert_int_equal(tm_mirror_refuse(f->mirror, "bob", "x", again.number, &f->err), 0);
    assert_true(tm_mirror_has(f->mirror, "", "r2"));
    assert_int_equal(put(f, message_of("bob", ME, "x", NOW), "r2", TM_MIRROR_NEWS, 0).number, 0);
    assert_int_equal(put(f, message_of("bob", ME, "x", NOW), "r3", TM_MIRROR_NEWS, 0).number, 0);
    assert_int_equal(tm_mirror_unrefuse(f->mirror, "bob", "x", &f->err), 0);
    assert_true(put(f, message_of("bob", ME, "x", NOW), "r4", TM_MIRROR_NEWS, 0).fresh);
}

static void what_is_held_is_not_read(void **state)
{
    fixture *f = *state;
    int64_t next;
    int rows;
    tm_event *list;
    news(f, message_of("bob", "bob", "a", NOW));
    int64_t held = news(f, message_of("bob", ME, "b", NOW + 1)).number;
    news(f, message_of("bob", "bob", "c", NOW + 2));
    assert_int_equal(tm_mirror_fetch(f->reader, 0, held, 100, &list, &next, &rows, &f->err), 0);
    assert_int_equal(rows, 1);
    assert_true(next < held);
    tm_event_free_list(list);
    assert_int_equal(tm_mirror_fetch(f->reader, next, INT64_MAX, 100, &list, &next, &rows, &f->err), 0);
    assert_int_equal(rows, 2);
    tm_event_free_list(list);
}

/* ---- events ---- */

static void messages_become_events(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_item item = message_of("bob", "bob", "tm-5-6-7", NOW + 999999);
    item.priority = kTIMMsgPriority_High;
    tm_mirrored first = news(f, item);
    news(f, message_of("bob", ME, "x", NOW + SECOND));
    tm_item tips = message_of(NULL, ME, "tm-1-2-3", NOW + SECOND);
    tips.kind = TM_ITEM_TIPS;
    strcpy(tips.sender, SYSTEM);
    tm_mirrored third = news(f, tips);
    assert_int_equal(tm_mirror_add_membership(f->mirror, GROUP, true, 1700000000, &f->err), 0);
    assert_int_equal(tm_mirror_add_membership(f->mirror, GROUP, false, 1700000005, &f->err), 0);
    tm_event *list = fetch(f, &cursor), *event = list;
    assert_int_equal(count(list), 5);
    assert_int_equal(cursor, third.number + 2);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), cursor);

    assert_int_equal(event->kind, TM_EVENT_MESSAGE);
    assert_int_equal(event->position, first.number);
    assert_int_equal(event->message.conv_type, kTIMConv_C2C);
    assert_string_equal(event->message.conv_id, "bob");
    assert_string_equal(event->message.sender, "bob");
    assert_string_equal(event->message.elems, "[{}]");
    assert_int_equal(event->message.seq, 5);
    assert_int_equal(event->message.rand, 6);
    assert_int_equal(event->message.client_time, 7);
    assert_int_equal(event->message.server_time, NOW / SECOND);
    assert_int_equal(event->message.priority, kTIMMsgPriority_High);
    assert_int_equal(event->message.status, kTIMMsg_SendSucc);
    assert_false(event->message.is_self || event->revoked || event->unaddressed);

    event = event->next;
    assert_true(event->message.is_self);
    assert_string_equal(event->message.conv_id, "bob");

    event = event->next;
    assert_int_equal(event->kind, TM_EVENT_MESSAGE);
    assert_string_equal(event->message.sender, SYSTEM);
    assert_int_equal(event->message.conv_type, kTIMConv_Group);
    assert_false(event->message.is_self);

    for (int joined = 1; joined >= 0; joined--) {
        event = event->next;
        assert_int_equal(event->kind, TM_EVENT_MEMBERSHIP);
        assert_string_equal(event->message.conv_id, GROUP);
        assert_int_equal(event->joined, joined);
        assert_int_equal(event->time, 1700000000 + (joined ? 0 : 5));
    }
    tm_event_free_list(list);
}

static void fetching_goes_on_where_it_stopped(void **state)
{
    fixture *f = *state;
    tm_event *list;
    int64_t next;
    int rows;
    assert_int_equal(tm_mirror_fetch(f->reader, 5, INT64_MAX, 100, &list, &next, &rows, &f->err), 0);
    assert_null(list);
    assert_int_equal(next, 5);
    assert_int_equal(rows, 0);
    news(f, message_of("bob", "bob", "x", NOW));
    news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "x", NOW)); /* no event, but passed */
    news(f, message_of("bob", "bob", "y", NOW));
    assert_int_equal(tm_mirror_fetch(f->reader, 0, INT64_MAX, 2, &list, &next, &rows, &f->err), 0);
    assert_int_equal(count(list), 1);
    assert_int_equal(rows, 2);
    assert_int_equal(next, NOW + 1);
    tm_event_free_list(list);
    assert_int_equal(tm_mirror_fetch(f->reader, next, INT64_MAX, 2, &list, &next, &rows, &f->err), 0);
    assert_int_equal(count(list), 1);
    assert_int_equal(list->position, NOW + 2);
    tm_event_free_list(list);
}

/* ---- retractions ---- */

static void the_sender_retracts(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored said = news(f, message_of("bob", "bob", "tm-5-6-7", NOW));
    skip_events(f, &cursor);
    tm_item retraction = naming(TM_ITEM_RETRACT, "bob", "bob", "tm-5-6-7", NOW + WINDOW * SECOND);
    tm_mirrored out = put(f, retraction, "r", TM_MIRROR_NEWS, 0);
    assert_true(out.valid && out.fresh);
    assert_int_equal(out.target, said.number);
    assert_true(is_revoked(f, said.number));
    assert_int_equal(tm_sql_int(f->reader->sql, &f->err, -1, "SELECT count(elems) FROM log", ""), 0);
    assert_true(tm_mirror_revoke_is_to_come(f->mirror, said.number, cursor, &f->err));
    tm_event *event = only(f, &cursor);
    assert_false(tm_mirror_revoke_is_to_come(f->mirror, said.number, cursor, &f->err));
    assert_int_equal(event->kind, TM_EVENT_REVOKE);
    assert_int_equal(event->position, said.number);
    assert_int_equal(event->message.conv_type, kTIMConv_C2C);
    assert_string_equal(event->message.conv_id, "bob");
    assert_string_equal(event->message.sender, "bob");
    assert_int_equal(event->message.seq, 5);
    assert_int_equal(event->message.rand, 6);
    assert_int_equal(event->message.client_time, 7);
    assert_int_equal(event->message.server_time, NOW / SECOND);
    assert_int_equal(event->message.status, kTIMMsg_Revoked);
    assert_null(event->message.elems);
    assert_false(event->message.is_self);
    tm_event_free_list(event);
    /* the same one heard again, and a second one */
    assert_false(put(f, retraction, "r", TM_MIRROR_NEWS, 0).valid);
    out = news(f, retraction);
    assert_false(out.valid || out.denied || out.late);
    assert_int_equal(skip_events(f, &cursor), 0);
    /* the message sent again stays revoked */
    out = news(f, message_of("bob", "bob", "tm-5-6-7", NOW));
    assert_true(out.revoked);
    assert_false(out.fresh);
    /* a device that comes to it now hears of it as one that is revoked */
    cursor = 0;
    tm_event *list = fetch(f, &cursor);
    assert_int_equal(list->kind, TM_EVENT_MESSAGE);
    assert_true(list->revoked);
    assert_null(list->message.elems);
    assert_int_equal(list->message.status, kTIMMsg_Revoked);
    tm_event_free_list(list);
}

static void ones_own_message_is_retracted_by_another_device(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    news(f, message_of("bob", ME, "tm-5-6-7", NOW));
    skip_events(f, &cursor);
    assert_true(news(f, naming(TM_ITEM_RETRACT, "bob", ME, "tm-5-6-7", NOW)).valid);
    tm_event *event = only(f, &cursor);
    assert_true(event->message.is_self);
    assert_string_equal(event->message.sender, ME);
    tm_event_free_list(event);
}

static void nobody_retracts_what_others_said(void **state)
{
    fixture *f = *state;
    tm_mirrored mine = news(f, message_of("bob", ME, "x", NOW)), in_group;
    int64_t cursor = mine.number;
    assert_false(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "x", NOW)).valid);
    /* in another conversation */
    assert_false(news(f, naming(TM_ITEM_RETRACT, "eve", ME, "x", NOW)).valid);
    /* powers count in groups only */
    tm_item power = naming(TM_ITEM_RETRACT, "bob", "bob", "x", NOW);
    power.may_revoke = true;
    assert_false(news(f, power).valid);
    in_group = news(f, message_of(NULL, "bob", "x", NOW));
    tm_mirrored out = news(f, naming(TM_ITEM_RETRACT, NULL, "eve", "x", NOW + (WINDOW + 1) * SECOND));
    assert_true(out.denied && !out.late && !out.valid);
    assert_false(is_revoked(f, mine.number));
    assert_false(is_revoked(f, in_group.number));
    assert_int_equal(skip_events(f, &cursor), 1);
    /* of two messages of one id each sender means the own one */
    tm_mirrored his = news(f, message_of("bob", "bob", "x", NOW));
    assert_int_equal(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "x", NOW)).target, his.number);
    assert_true(is_revoked(f, his.number));
    assert_false(is_revoked(f, mine.number));
}

static void a_retraction_comes_in_time(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored said = news(f, message_of("bob", "bob", "tm-5-6-7", NOW));
    skip_events(f, &cursor);
    tm_item late = naming(TM_ITEM_RETRACT, "bob", "bob", "tm-5-6-7", NOW + (WINDOW + 1) * SECOND);
    tm_mirrored out = news(f, late);
    assert_true(out.late && !out.denied && !out.valid);
    assert_int_equal(out.target, said.number);
    assert_false(is_revoked(f, said.number));
    assert_int_equal(skip_events(f, &cursor), 0);
    late.stamp -= SECOND;
    out = news(f, late);
    assert_true(out.valid && !out.late && !out.denied);
    /* servers need not stamp in the order of what happened */
    news(f, message_of("bob", "bob", "y", NOW + 2));
    assert_true(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "y", NOW)).valid);
}

static void in_groups_owner_and_admins_retract(void **state)
{
    fixture *f = *state;
    tm_mirrored said = put(f, message_of(NULL, "bob", "x", NOW), "room-1", TM_MIRROR_NEWS, 0);
    tm_item power = naming(TM_ITEM_RETRACT, NULL, "eve", "x", NOW);
    power.may_revoke = true;
    int64_t cursor = said.number;
    assert_true(news(f, power).valid);
    tm_event *event = only(f, &cursor);
    assert_string_equal(event->message.sender, "bob"); /* whose it was */
    assert_int_equal(event->message.conv_type, kTIMConv_Group);
    tm_event_free_list(event);
    /* other clients name what the room calls it */
    said = put(f, message_of(NULL, "bob", "y", NOW), "room-2", TM_MIRROR_NEWS, 0);
    assert_false(news(f, naming(TM_ITEM_RETRACT, NULL, "dan", "room-2", NOW)).valid);
    tm_mirrored out = news(f, naming(TM_ITEM_RETRACT, NULL, "bob", "room-2", NOW));
    assert_true(out.valid);
    assert_int_equal(out.target, said.number);
    assert_true(is_revoked(f, said.number));
    /* that of another archive is none of it */
    put(f, message_of("bob", "bob", "z", NOW), "own-1", TM_MIRROR_NEWS, 0);
    assert_int_equal(news(f, naming(TM_ITEM_RETRACT, NULL, "bob", "own-1", NOW)).target, 0);
    assert_int_equal(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "own-1", NOW)).target, 0);
}

static tm_item by_owner(const char *author, const char *target, uint64_t stamp)
{
    tm_item item = naming(TM_ITEM_RETRACT, NULL, "eve", target, stamp);
    item.may_revoke = true;
    strcpy(item.author, author);
    item.author_is_self = strcmp(author, ME) == 0;
    return item;
}

/* Whoever takes the id of another's message must not have that one erased when his own is. */
static void a_retraction_means_the_message_of_the_author_that_it_names(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored his = put(f, message_of(NULL, "bob", "tm-5-6-7", NOW), "room-1", TM_MIRROR_NEWS, 0);
    tm_mirrored bad = put(f, message_of(NULL, "dan", "tm-5-6-7", NOW + 1), "room-2", TM_MIRROR_NEWS, 0);
    skip_events(f, &cursor);
    tm_mirrored out = news(f, by_owner("dan", "tm-5-6-7", NOW));
    assert_true(out.valid);
    assert_int_equal(out.target, bad.number);
    tm_event *event = only(f, &cursor);
    assert_string_equal(event->message.sender, "dan");
    tm_event_free_list(event);
    assert_false(is_revoked(f, his.number));
    assert_false(news(f, by_owner("dan", "tm-5-6-7", NOW)).valid);
    assert_false(is_revoked(f, his.number));
    /* by the room's id too */
    assert_false(news(f, by_owner("dan", "room-1", NOW)).valid);
    assert_true(news(f, by_owner("bob", "room-1", NOW)).valid);
    assert_true(is_revoked(f, his.number));
    /* nobody gets powers by naming an author */
    his = news(f, message_of(NULL, "bob", "tm-6-6-7", NOW));
    tm_item forged = by_owner("bob", "tm-6-6-7", NOW);
    forged.may_revoke = false;
    assert_false(news(f, forged).valid);
    forged.target = "tm-9-9-9"; /* nor for a message that was never here */
    assert_false(news(f, forged).valid);
    assert_false(is_revoked(f, his.number));
    skip_events(f, &cursor);
    /* it is the author's, who is told of it, that was never here */
    assert_true(news(f, by_owner(ME, "tm-1-2-3", NOW)).valid);
    event = only(f, &cursor);
    assert_string_equal(event->message.sender, ME);
    assert_true(event->message.is_self);
    assert_int_equal(event->message.rand, 2);
    tm_event_free_list(event);
    /* and only that one is revoked when it comes as history */
    news(f, by_owner("dan", "tm-7-7-7", NOW));
    assert_false(history(f, message_of(NULL, "bob", "tm-7-7-7", NOW - 1)).revoked);
    assert_true(history(f, message_of(NULL, "dan", "tm-7-7-7", NOW - 1)).revoked);
}

/* Other clients name an id, and nobody. */
static void a_retraction_that_names_no_author_must_be_plain(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored his = put(f, message_of(NULL, "bob", "x", NOW), "room-1", TM_MIRROR_NEWS, 0);
    tm_mirrored bad = put(f, message_of(NULL, "dan", "x", NOW + 1), "room-2", TM_MIRROR_NEWS, 0);
    tm_mirrored out = news(f, by_owner("", "x", NOW));
    assert_false(out.valid);
    assert_int_equal(out.target, 0);
    /* an id that is the room's for another message */
    tm_mirrored sly = put(f, message_of(NULL, "dan", "room-1", NOW + 2), "room-3", TM_MIRROR_NEWS, 0);
    assert_false(news(f, by_owner("", "room-1", NOW)).valid);
    assert_false(is_revoked(f, his.number));
    assert_false(is_revoked(f, bad.number));
    assert_false(is_revoked(f, sly.number));
    /* one's own comes first */
    tm_mirrored own = news(f, message_of(NULL, "eve", "x", NOW + 3));
    assert_int_equal(news(f, by_owner("", "x", NOW)).target, own.number);
    assert_true(is_revoked(f, own.number));
    assert_int_equal(news(f, naming(TM_ITEM_RETRACT, NULL, "bob", "x", NOW)).target, his.number);
    assert_true(is_revoked(f, his.number));
    assert_false(is_revoked(f, bad.number));
    assert_true(news(f, by_owner("", "room-2", NOW)).valid);
    assert_true(is_revoked(f, bad.number));
    /* whose was it? */
    skip_events(f, &cursor);
    assert_false(news(f, by_owner("", "tm-5-6-7", NOW)).valid);
    assert_int_equal(skip_events(f, &cursor), 0);
    /* a message that comes as history, where another of that id is there */
    news(f, message_of(NULL, "dan", "y", NOW));
    news(f, by_owner("", "y", NOW));
    assert_false(history(f, message_of(NULL, "bob", "y", NOW - 1)).revoked);
    assert_true(history(f, message_of(NULL, "eve", "y", NOW - 1)).revoked);
    news(f, message_of(NULL, "dan", "room-9", NOW));
    news(f, by_owner("", "room-9", NOW));
    assert_false(put(f, message_of(NULL, "bob", "z", NOW - 1), "room-9", TM_MIRROR_HISTORY, 0).revoked);
}

/* Who comes back to a group hears what was revoked since: of what he has heard, and else history finds it. */
static void what_was_retracted_meanwhile_is_news(void **state)
{
    fixture *f = *state;
    tm_mirrored said = news(f, message_of(NULL, "bob", "tm-1-2-3", NOW));
    tm_mirrored late = news(f, message_of(NULL, "bob", "tm-1-5-3", NOW - DAY));
    tm_mirrored last = news(f, message_of("eve", "eve", "tm-9-9-9", NOW + DAY));
    int64_t cursor = last.number;
    const struct {
        const char *target, *id;
        bool told;
    } cases[] = {{"tm-1-4-3", "never", false}, {"tm-1-5-3", "too late", false}, {"tm-1-2-3", "meant", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_item item = naming(TM_ITEM_RETRACT, NULL, "bob", cases[i].target, NOW + SECOND);
        tm_mirrored out = put(f, item, cases[i].id, TM_MIRROR_MISSED, 0);
        assert_int_equal(out.told, cases[i].told);
        assert_int_equal(tm_mirror_has(f->mirror, GROUP, cases[i].id), cases[i].told);
    }
    tm_event *event = only(f, &cursor);
    assert_int_equal(event->kind, TM_EVENT_REVOKE);
    assert_int_equal(event->position, said.number);
    tm_event_free_list(event);
    assert_true(is_revoked(f, said.number));
    assert_false(is_revoked(f, late.number));
    /* once, whatever reads it again */
    assert_false(
        put(f, naming(TM_ITEM_RETRACT, NULL, "bob", "tm-1-2-3", NOW + SECOND), "meant", TM_MIRROR_MISSED, 0)
            .fresh);
    assert_int_equal(skip_events(f, &cursor), 0);
}

/* Up to where a group was heard is known from when the user comes back until it was looked at. */
static void what_was_heard_of_a_group_is_known_when_it_is_entered_again(void **state)
{
    fixture *f = *state;
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 1, &f->err), 0);
    assert_int_equal(tm_mirror_heard(f->mirror, GROUP), 0);
    news(f, message_of(NULL, "bob", "tm-1-2-3", NOW));
    news(f, message_of(NULL, ME, "tm-1-2-4", NOW + SECOND));
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 1, &f->err), 0);
    assert_int_equal(tm_mirror_heard(f->mirror, GROUP), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, false, 0, &f->err), 0);
    assert_int_equal(tm_mirror_heard(f->mirror, GROUP), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 2, &f->err), 0);
    assert_int_equal(tm_mirror_heard(f->mirror, GROUP), NOW + SECOND);
    assert_int_equal(tm_mirror_forget_heard(f->mirror, GROUP, &f->err), 0);
    assert_int_equal(tm_mirror_heard(f->mirror, GROUP), 0);
    assert_int_equal(f->err.code, 0);
}

/* What a retraction tells is there again for who asks. */
static void what_a_retraction_tells_can_be_asked(void **state)
{
    fixture *f = *state;
    tm_event *event;
    tm_mirrored said = news(f, message_of("bob", "bob", "tm-5-6-7", NOW));
    tm_mirrored out = history(f, naming(TM_ITEM_RETRACT, "bob", "bob", "tm-5-6-7", NOW + SECOND));
    assert_true(out.valid && !out.told && out.target == said.number);
    assert_int_equal(tm_mirror_retraction(f->mirror, out.number, &event, &f->err), 0);
    assert_int_equal(event->position, said.number);
    assert_int_equal(event->message.rand, 6);
    assert_int_equal(event->time, 0);
    tm_event_free_list(event);
    /* of one that is not known it says when, since nobody knows whether that was in time */
    out = history(f, naming(TM_ITEM_RETRACT, "bob", "bob", "tm-8-9-a", NOW + SECOND));
    assert_true(out.valid && !out.target);
    assert_int_equal(tm_mirror_retraction(f->mirror, out.number, &event, &f->err), 0);
    assert_int_equal(event->message.rand, 9);
    assert_int_equal(event->time, NOW / SECOND + 1);
    tm_event_free_list(event);
    assert_int_equal(tm_mirror_retraction(f->mirror, said.number, &event, &f->err), 0);
    assert_null(event);
}

static void a_message_that_was_never_here_is_retracted(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_item retraction = naming(TM_ITEM_RETRACT, "bob", "bob", "tm-5-6-6553f000", NOW + 60 * SECOND);
    tm_mirrored out = news(f, retraction);
    assert_true(out.valid);
    assert_int_equal(out.target, 0);
    tm_event *event = only(f, &cursor);
    assert_int_equal(event->kind, TM_EVENT_REVOKE);
    assert_string_equal(event->message.conv_id, "bob");
    assert_string_equal(event->message.sender, "bob");
    assert_int_equal(event->message.seq, 5);
    assert_int_equal(event->message.rand, 6);
    assert_int_equal(event->message.client_time, 0x6553f000);
    assert_int_equal(event->message.server_time, 0x6553f000);
    assert_int_equal(event->position, 0);
    assert_false(event->message.is_self);
    assert_null(event->message.elems);
    tm_event_free_list(event);
    /* and when it is read as history it is revoked from the start */
    out = history(f, message_of("bob", "bob", "tm-5-6-6553f000", NOW));
    assert_true(out.fresh && out.revoked);
    assert_true(is_revoked(f, out.number));
    /* of another, or too long before: not */
    assert_false(history(f, message_of("bob", ME, "tm-5-6-6553f000", NOW)).revoked);
    news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "tm-7-8-6553f000", NOW + 60 * SECOND));
    assert_false(history(f, message_of("bob", "bob", "tm-7-8-6553f000", NOW - 61 * SECOND)).revoked);
}

/* What is told once its message is known tells of that one: where it stands, and by which number. */
static void a_retraction_that_came_first_tells_of_its_message(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    for (int group = 0; group < 2; group++) {
        const char *peer = group ? NULL : "bob";
        tm_item retraction = naming(TM_ITEM_RETRACT, peer, "bob", "tm-5-6-7", NOW + SECOND);
        assert_true(news(f, retraction).valid);
        assert_false(history(f, message_of(peer, ME, "tm-5-6-7", NOW)).revoked);
        tm_mirrored said = history(f, message_of(peer, "bob", "tm-5-6-7", NOW));
        assert_true(said.revoked);
        assert_true(tm_mirror_revoke_is_to_come(f->mirror, said.number, cursor, &f->err));
        tm_event *event = only(f, &cursor);
        assert_string_equal(event->message.sender, "bob");
        assert_int_equal(event->message.server_time, NOW / SECOND);
        assert_int_equal(event->message.client_time, 7);
        assert_int_equal(event->position, said.number);
        tm_event_free_list(event);
        assert_false(tm_mirror_revoke_is_to_come(f->mirror, said.number, cursor, &f->err));
    }
    /* one that does not count for it tells of none */
    assert_true(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "tm-8-8-8", NOW + 2 * DAY)).valid);
    assert_false(history(f, message_of("bob", "bob", "tm-8-8-8", NOW)).revoked);
    tm_event *event = only(f, &cursor);
    assert_int_equal(event->position, 0);
    tm_event_free_list(event);
}

/* Whose id somebody else uses: what that one retracts, before or after, does not stand for the other's message. */
static void a_retraction_of_anothers_id_hides_no_message(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    for (int i = 0; i < 3; i++) {
        const char *peer = i == 2 ? "bob" : NULL, *author = peer ? ME : "bob",
                   *id = i ? "tm-5-6-7" : "tm-8-8-8";
        tm_item bogus = naming(TM_ITEM_RETRACT, peer, peer ? "bob" : "eve", id, NOW + 2);
        if (!peer) strcpy(bogus.author, "eve");
        if (i) assert_true(news(f, bogus).told);
        tm_mirrored said = history(f, message_of(peer, author, id, NOW));
        tm_item own = naming(TM_ITEM_RETRACT, peer, author, id, NOW + 1);
        if (!peer) strcpy(own.author, author);
        assert_true(history(f, own).valid);
        assert_true(is_revoked(f, said.number));
        if (!i) assert_true(news(f, bogus).told);
        assert_false(tm_mirror_revoke_is_to_come(f->mirror, said.number, cursor, &f->err));
        tm_event *event = only(f, &cursor);
        assert_string_not_equal(event->message.sender, author);
        tm_event_free_list(event);
    }
}

/* Nobody's message was said after it was retracted: it must not stand at the top of a conversation for ever. */
static void a_forged_time_is_not_believed(void **state)
{
    fixture *f = *state;
    const char *const ids[] = {"tm-1-1-ffffffff", "tm-1-1-7fffffffffffffff", "tm-1-1-ffffffffffffffff"};
    int64_t cursor = 0;
    for (int i = 0; i < 3; i++) {
        assert_true(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", ids[i], NOW)).valid);
        tm_event *event = only(f, &cursor);
        assert_int_equal(event->message.server_time, NOW / SECOND);
        tm_event_free_list(event);
    }
}

static void a_foreign_message_that_was_never_here_is_retracted(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    const char *const ids[] = {"x", "tm-05-6-7", "tm-5-6-7 "};
    for (int i = 0; i < 3; i++) {
        assert_false(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", ids[i], NOW)).valid);
        assert_true(history(f, message_of("bob", "bob", ids[i], NOW - SECOND)).revoked);
    }
    cursor = (int64_t)NOW - 1;
    assert_int_equal(skip_events(f, &cursor), 0);
    /* by who has powers, in a group only; by what the room calls it */
    tm_item power = naming(TM_ITEM_RETRACT, NULL, "eve", "y", NOW);
    news(f, power);
    assert_false(history(f, message_of(NULL, "bob", "y", NOW)).revoked);
    power.may_revoke = true;
    power.target = "z";
    news(f, power);
    assert_true(history(f, message_of(NULL, "bob", "z", NOW)).revoked);
    news(f, naming(TM_ITEM_RETRACT, NULL, "bob", "room-7", NOW));
    news(f, naming(TM_ITEM_RETRACT, NULL, "eve", "room-8", NOW));
    assert_true(put(f, message_of(NULL, "bob", "v", NOW), "room-7", TM_MIRROR_HISTORY, 0).revoked);
    assert_false(put(f, message_of(NULL, "bob", "w", NOW), "room-8", TM_MIRROR_HISTORY, 0).revoked);
    /* what archives of users call it is nobody's business */
    news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "own-7", NOW));
    assert_false(put(f, message_of("bob", "bob", "u", NOW), "own-7", TM_MIRROR_HISTORY, 0).revoked);
}

/* ---- markers ---- */

static void a_peer_reads(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored mine = news(f, message_of("bob", ME, "x", NOW + 5));
    tm_mirrored his = news(f, message_of("bob", "bob", "y", NOW + 6));
    skip_events(f, &cursor);
    tm_mirrored out = news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "x", NOW + 9 * SECOND));
    assert_true(out.valid);
    assert_int_equal(out.target, mine.number);
    assert_marks_at(f, cursor, "bob", 0, 0); /* that is still to be told */
    tm_event *event = only(f, &cursor);
    assert_marks_at(f, cursor, "bob", 0, mine.number);
    assert_int_equal(event->kind, TM_EVENT_READ);
    assert_string_equal(event->reader, "bob");
    assert_string_equal(event->message.conv_id, "bob");
    assert_int_equal(event->position, mine.number);
    assert_int_equal(event->time, NOW / SECOND); /* of the message, not of the marker */
    tm_event_free_list(event);
    assert_marks(f, "bob", 0, mine.number);
    /* another device of one's own */
    assert_true(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "y", NOW)).valid);
    event = only(f, &cursor);
    assert_string_equal(event->reader, ME);
    assert_int_equal(event->position, his.number);
    tm_event_free_list(event);
    assert_marks(f, "bob", his.number, mine.number);
    assert_marks(f, "eve", 0, 0);
}

static void a_marker_must_name_what_another_said(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    news(f, message_of("bob", ME, "x", NOW));
    news(f, message_of("bob", "bob", "y", NOW));
    skip_events(f, &cursor);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "y", NOW)).valid);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "unknown", NOW)).valid);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, "eve", "eve", "x", NOW)).valid);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "x", NOW)).valid);
    assert_int_equal(skip_events(f, &cursor), 0);
    assert_marks(f, "bob", 0, 0);
    /* clients that count their messages: both sides have one of that id */
    tm_mirrored mine = news(f, message_of("bob", ME, "1", NOW));
    tm_mirrored his = news(f, message_of("bob", "bob", "1", NOW));
    assert_int_equal(news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "1", NOW)).target, mine.number);
    assert_int_equal(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "1", NOW)).target, his.number);
    assert_marks(f, "bob", his.number, mine.number);
}

static void one_reads_ones_own_notes(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_mirrored note = news(f, message_of(ME, ME, "x", NOW));
    skip_events(f, &cursor);
    assert_true(news(f, naming(TM_ITEM_DISPLAYED, ME, ME, "x", NOW)).valid);
    tm_event *event = only(f, &cursor);
    assert_string_equal(event->reader, ME);
    assert_int_equal(event->position, note.number);
    tm_event_free_list(event);
    assert_marks(f, ME, note.number, 0);
}

static void in_groups_only_ones_own_reading_counts(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    put(f, message_of(NULL, ME, "x", NOW), "room-0", TM_MIRROR_NEWS, 0);
    tm_mirrored his = put(f, message_of(NULL, "bob", "y", NOW), "room-1", TM_MIRROR_NEWS, 0);
    tm_mirrored hers = put(f, message_of(NULL, "eve", "z", NOW), "room-2", TM_MIRROR_NEWS, 0);
    int64_t top = tm_mirror_top(f->mirror, &f->err);
    skip_events(f, &cursor);
    tm_mirrored out = put(f, naming(TM_ITEM_DISPLAYED, NULL, "bob", "x", NOW), "b", TM_MIRROR_NEWS, 0);
    assert_false(out.valid);
    assert_int_equal(out.number, 0); /* not kept: nobody asks for it */
    assert_true(tm_mirror_has(f->mirror, GROUP, "b"));
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), top);
    assert_true(news(f, naming(TM_ITEM_DISPLAYED, NULL, ME, "y", NOW)).valid);
    assert_int_equal(skip_events(f, &cursor), 1);
    assert_marks(f, NULL, his.number, 0);
    out = news(f, naming(TM_ITEM_DISPLAYED, NULL, ME, "room-2", NOW));
    assert_true(out.valid);
    assert_int_equal(out.target, hers.number);
    assert_marks(f, NULL, hers.number, 0);
    /* not one's own, whatever it is called */
    news(f, message_of(NULL, ME, "later", NOW));
    put(f, message_of(NULL, ME, "last", NOW), "room-3", TM_MIRROR_NEWS, 0);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, NULL, ME, "later", NOW)).valid);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, NULL, ME, "room-3", NOW)).valid);
    assert_marks(f, NULL, hers.number, 0);
}

static void a_marker_that_was_heard_first_counts_for_history(void **state)
{
    fixture *f = *state;
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "x", NOW)).valid);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "y", NOW)).valid);
    assert_false(news(f, naming(TM_ITEM_DISPLAYED, NULL, ME, "room-1", NOW)).valid);
    assert_marks(f, "bob", 0, 0);
    tm_mirrored mine = history(f, message_of("bob", ME, "x", NOW - 9));
    tm_mirrored his = history(f, message_of("bob", "bob", "y", NOW - 8));
    assert_marks(f, "bob", his.number, mine.number);
    /* an older message that an older marker names takes nothing back */
    history(f, message_of("bob", ME, "w", NOW - 20));
    history(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "w", NOW - 19));
    assert_marks(f, "bob", his.number, mine.number);
    tm_mirrored said = put(f, message_of(NULL, "bob", "z", NOW - 7), "room-1", TM_MIRROR_HISTORY, 0);
    assert_marks(f, NULL, said.number, 0);
}

/* ---- receipts ---- */

static void receipts_are_asked_for_in_order(void **state)
{
    fixture *f = *state;
    char peer[TM_MAX_USER_ID + 1], *id = NULL;
    int64_t numbers[3];
    const char *const senders[] = {"bob", "eve", "bob"}, *const ids[] = {"x", "y", "z"};
    for (int i = 0; i < 3; i++) {
        tm_item item = message_of(senders[i], senders[i], ids[i], NOW);
        item.wants_receipt = i != 1;
        numbers[i] = news(f, item).number;
    }
    assert_int_equal(tm_mirror_next_receipt(f->mirror, 0, numbers[2], peer, &id, &f->err), numbers[0]);
    assert_string_equal(peer, "bob");
    assert_string_equal(id, "x");
    tm_free(id);
    assert_int_equal(tm_mirror_next_receipt(f->mirror, numbers[0], numbers[1], peer, &id, &f->err), 0);
    assert_null(id);
    assert_int_equal(tm_mirror_next_receipt(f->mirror, numbers[0], numbers[2], peer, &id, &f->err),
                     numbers[2]);
    tm_free(id);
    trim(f, numbers[1]);
    assert_int_equal(tm_mirror_next_receipt(f->mirror, 0, numbers[2], peer, &id, &f->err), numbers[2]);
    tm_free(id);
}

/* ---- trimming ---- */

static void contents_are_erased_and_the_rest_is_known(void **state)
{
    fixture *f = *state;
    int64_t cursor = 0;
    tm_item item = message_of("bob", "bob", "tm-5-6-7", NOW);
    tm_mirrored first = put(f, item, "one", TM_MIRROR_NEWS, 0);
    tm_mirrored second = news(f, message_of("bob", "bob", "y", NOW));
    trim(f, first.number);
    tm_event *event = only(f, &cursor); /* the first has nothing left to tell */
    assert_int_equal(event->position, second.number);
    assert_string_equal(event->message.elems, "[{}]");
    tm_event_free_list(event);
    trim(f, second.number);
    assert_false(put(f, item, "one", TM_MIRROR_NEWS, 0).fresh);
    assert_false(put(f, item, "two", TM_MIRROR_NEWS, 0).fresh);
    tm_mirror_message found;
    assert_int_equal(tm_mirror_find(f->mirror, kTIMConv_C2C, "bob", "bob", 5, 6, &found, &f->err), 0);
    assert_string_equal(found.id, "tm-5-6-7");
    tm_free(found.id);
    assert_true(news(f, naming(TM_ITEM_RETRACT, "bob", "bob", "tm-5-6-7", NOW)).valid);
    event = only(f, &cursor);
    assert_int_equal(event->kind, TM_EVENT_REVOKE);
    tm_event_free_list(event);
}

static void what_is_old_is_forgotten_but_not_what_only_the_mirror_knows(void **state)
{
    fixture *f = *state;
    uint64_t old = NOW - 31 * DAY;
    tm_mirrored ours = put(f, message_of("bob", ME, "tm-5-6-7", old), "ours", TM_MIRROR_NEWS, 0);
    put(f, message_of("bob", ME, "tm-5-6-7", old), "ours again", TM_MIRROR_NEWS, 0);
    tm_item tips = message_of(NULL, "bob", "tips", old);
    tips.kind = TM_ITEM_TIPS;
    put(f, tips, "tips", TM_MIRROR_NEWS, 0);
    tm_mirrored other = put(f, message_of("bob", ME, "x", old), "other", TM_MIRROR_NEWS, 0);
    put(f, item_of(TM_ITEM_RECEIVED, NULL, "bob", "bob", old), "received", TM_MIRROR_NEWS, 0);
    put(f, naming(TM_ITEM_RETRACT, "bob", "bob", "gone", old), "retraction", TM_MIRROR_NEWS, 0);
    put(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "x", old), "first marker", TM_MIRROR_NEWS, 0);
    put(f, naming(TM_ITEM_DISPLAYED, "bob", "bob", "x", old), "marker", TM_MIRROR_NEWS, 0);
    put(f, naming(TM_ITEM_DISPLAYED, "bob", ME, "y", old), "my marker", TM_MIRROR_NEWS, 0);
    put(f, item_of(TM_ITEM_RECEIVED, NULL, "bob", "bob", NOW), "new received", TM_MIRROR_NEWS, 0);
    tm_mirrored last = put(f, message_of("bob", ME, "tm-8-9-a", NOW), "new", TM_MIRROR_NEWS, 0);
    const char *const gone[] = {"ours", "ours again", "received", "retraction", "first marker"};
    const char *const kept[] = {"other", "tips", "marker", "my marker", "new", "new received"};
    trim(f, last.number - (int64_t)DAY); /* not yet 30 days old */
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        assert_true(tm_mirror_has(f->mirror, "", gone[i]));
    trim(f, last.number);
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        if (tm_mirror_has(f->mirror, "", gone[i])) fail_msg("%s", gone[i]);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (!tm_mirror_has(f->mirror, i == 1 ? GROUP : "", kept[i])) fail_msg("%s", kept[i]);
    tm_mirror_message found;
    assert_int_equal(tm_mirror_at(f->mirror, ours.number, &found, &f->err), 0);
    assert_int_equal(found.number, 0);
    assert_int_equal(tm_mirror_at(f->mirror, other.number, &found, &f->err), 0);
    assert_string_equal(found.id, "x");
    tm_free(found.id);
    assert_marks(f, "bob", 0, other.number);
    /* what was forgotten can be read again as history, and the numbers go on */
    assert_true(put(f, message_of("bob", ME, "tm-5-6-7", old), "ours", TM_MIRROR_HISTORY, 0).fresh);
    assert_int_equal(tm_mirror_top(f->mirror, &f->err), last.number);
}

/* One who comes back after a long time reads it: the peer hears of that. */
static void what_the_peer_said_last_is_not_forgotten(void **state)
{
    fixture *f = *state;
    uint64_t old = NOW - 40 * DAY;
    put(f, message_of("bob", "bob", "tm-1-1-1", old), "first", TM_MIRROR_NEWS, 0);
    tm_mirrored newest = put(f, message_of("bob", "bob", "tm-2-2-2", old), "second", TM_MIRROR_NEWS, 0);
    put(f, message_of("bob", ME, "tm-3-3-3", old), "mine", TM_MIRROR_NEWS, 0);
    tm_mirrored last = put(f, message_of("eve", "eve", "tm-4-4-4", NOW), "new", TM_MIRROR_NEWS, 0);
    trim(f, last.number);
    assert_false(tm_mirror_has(f->mirror, "", "first"));
    assert_false(tm_mirror_has(f->mirror, "", "mine"));
    tm_mirror_message found;
    assert_int_equal(tm_mirror_at(f->mirror, newest.number, &found, &f->err), 0);
    assert_string_equal(found.id, "tm-2-2-2");
    tm_free(found.id);
}

/* Its archive is read again from a little before its newest item, however long ago that came. */
static void what_is_read_again_is_not_forgotten(void **state)
{
    fixture *f = *state;
    uint64_t old = NOW - 40 * DAY;
    put(f, message_of(NULL, "bob", "tm-1-1-1", old - 120 * SECOND), "before", TM_MIRROR_NEWS, 0);
    tm_mirrored said =
        put(f, message_of(NULL, "bob", "tm-2-2-2", old - 50 * SECOND), "said", TM_MIRROR_NEWS, 0);
    put(f, item_of(TM_ITEM_NOTHING, GROUP, NULL, "bob", old - 120 * SECOND), "long ago", TM_MIRROR_NEWS, 0);
    put(f, item_of(TM_ITEM_NOTHING, GROUP, NULL, "bob", old - 50 * SECOND), "nothing", TM_MIRROR_NEWS, 0);
    put(f, message_of(NULL, "bob", "tm-3-3-3", old), "last", TM_MIRROR_NEWS, 0);
    assert_int_equal(tm_mirror_set_archive(f->mirror, GROUP, "last", old, &f->err), 0);
    tm_mirrored now = put(f, message_of("eve", "eve", "tm-4-4-4", NOW), "now", TM_MIRROR_NEWS, 0);
    trim(f, now.number);
    assert_false(tm_mirror_has(f->mirror, GROUP, "before"));
    assert_false(tm_mirror_has(f->mirror, GROUP, "long ago"));
    assert_true(tm_mirror_has(f->mirror, GROUP, "said"));
    assert_true(tm_mirror_has(f->mirror, GROUP, "nothing"));
    tm_mirrored again =
        put(f, message_of(NULL, "bob", "tm-2-2-2", old - 50 * SECOND), "said", TM_MIRROR_NEWS, 0);
    assert_false(again.fresh);
    assert_int_equal(again.number, said.number);
    /* nor does it hold up what may go */
    assert_false(trim(f, now.number));
    assert_int_equal(tm_mirror_set_archive(f->mirror, GROUP, "now", NOW, &f->err), 0);
    trim(f, now.number);
    assert_false(tm_mirror_has(f->mirror, GROUP, "said"));
    assert_false(tm_mirror_has(f->mirror, GROUP, "nothing"));
}

static void what_is_still_to_be_told_is_read_again_and_not_forgotten(void **state)
{
    fixture *f = *state;
    uint64_t old = NOW - 40 * DAY;
    put(f, message_of("bob", ME, "tm-1-1-1", old - 10 * DAY), "before", TM_MIRROR_NEWS, 0);
    put(f, message_of("bob", ME, "tm-2-2-2", old), "said", TM_MIRROR_NEWS, 0);
    put(f, item_of(TM_ITEM_NOTHING, NULL, "bob", "bob", old), "nothing", TM_MIRROR_NEWS, 0);
    assert_int_equal(tm_mirror_set_archive(f->mirror, "", "now", NOW, &f->err), 0);
    assert_int_equal(tm_mirror_untold(f->mirror, &f->err), 0);
    assert_int_equal(tm_mirror_tell_from(f->mirror, old, &f->err), 0);
    assert_int_equal(tm_mirror_tell_from(f->mirror, old + DAY, &f->err), 0);
    close_both(f);
    open_both(f);
    assert_int_equal(tm_mirror_untold(f->mirror, &f->err), old);
    tm_mirrored now = put(f, message_of("eve", "eve", "tm-4-4-4", NOW), "now", TM_MIRROR_NEWS, 0);
    trim(f, now.number);
    assert_false(tm_mirror_has(f->mirror, "", "before"));
    assert_true(tm_mirror_has(f->mirror, "", "said"));
    assert_true(tm_mirror_has(f->mirror, "", "nothing"));
    assert_int_equal(tm_mirror_is_told(f->mirror, &f->err), 0);
    assert_int_equal(tm_mirror_untold(f->mirror, &f->err), 0);
    trim(f, now.number);
    assert_false(tm_mirror_has(f->mirror, "", "said"));
    assert_false(tm_mirror_has(f->mirror, "", "nothing"));
}

static void what_is_unclear_is_read_again(void **state)
{
    fixture *f = *state;
    tm_item unclear = item_of(TM_ITEM_UNCLEAR, NULL, "bob", "bob", NOW);
    assert_false(put(f, unclear, "history", TM_MIRROR_HISTORY, 0).unclear);
    assert_false(put(f, unclear, "older", TM_MIRROR_NEWS, (int64_t)NOW + 1).unclear);
    assert_true(tm_mirror_has(f->mirror, "", "older"));
    assert_int_equal(tm_mirror_untold(f->mirror, &f->err), 0);
    tm_mirrored out = put(f, unclear, "news", TM_MIRROR_NEWS, (int64_t)NOW);
    assert_true(out.unclear && !out.fresh && !out.number);
    assert_int_equal(tm_mirror_untold(f->mirror, &f->err), NOW);
    tm_item invitation = item_of(TM_ITEM_INVITATION, GROUP, NULL, "bob", NOW);
    tm_mirrored added;
    static const char *const ids[] = {"history", "news"};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        invitation.archive_id = (char *)(uintptr_t)ids[i];
        for (tm_mirror_way way = TM_MIRROR_HISTORY;; way = TM_MIRROR_NEWS) {
            assert_int_equal(tm_mirror_begin(f->mirror, &f->err), 0);
            assert_int_equal(
                tm_mirror_add(f->mirror, "", &invitation, way, (int64_t)NOW, WINDOW, &added, &f->err), 0);
            assert_int_equal(tm_mirror_commit(f->mirror, &f->err), 0);
            assert_int_equal(added.fresh, way == TM_MIRROR_NEWS);
            if (way == TM_MIRROR_NEWS) break;
        }
    }
}

static void many_old_rows_go_in_parts(void **state)
{
    fixture *f = *state;
    tm_mirrored out;
    enum { MANY = 3000 };
    assert_int_equal(tm_mirror_begin(f->mirror, &f->err), 0);
    for (unsigned i = 0; i < MANY; i++) {
        char id[32], archive_id[32];
        snprintf(id, sizeof id, "tm-1-%x-1", i + 1);
        snprintf(archive_id, sizeof archive_id, "m%u", i);
        tm_item item = message_of("bob", "bob", id, NOW - 31 * DAY);
        item.archive_id = archive_id;
        assert_int_equal(tm_mirror_add(f->mirror, "", &item, TM_MIRROR_NEWS, 0, WINDOW, &out, &f->err), 0);
    }
    assert_int_equal(tm_mirror_commit(f->mirror, &f->err), 0);
    tm_mirrored last = put(f, message_of("bob", "bob", "tm-2-1-1", NOW), "last", TM_MIRROR_NEWS, 0);
    assert_true(trim(f, last.number));
    assert_false(tm_mirror_has(f->mirror, "", "m0"));
    assert_true(tm_mirror_has(f->mirror, "", "m2999"));
    for (int i = 0; i < 10 && trim(f, last.number); i++)
        continue;
    assert_false(trim(f, last.number));
    assert_false(tm_mirror_has(f->mirror, "", "m2999"));
    assert_true(tm_mirror_has(f->mirror, "", "last"));
}

/* ---- letters ---- */

static void check_due(fixture *f, uint64_t now, const char *id, uint64_t next_due)
{
    tm_mirror_letter letter = {0};
    uint64_t next;
    assert_int_equal(tm_mirror_due_letter(f->mirror, now, &letter, &next, &f->err), 0);
    if (id) {
        assert_non_null(letter.id);
        assert_string_equal(letter.id, id);
        assert_string_equal(letter.message.conv_id, letter.peer);
    } else {
        assert_null(letter.id);
    }
    assert_int_equal(next, next_due);
    tm_free(letter.id);
    tm_message_clear(&letter.message);
}

static void what_is_retracted_goes_out_no_more(void **state)
{
    fixture *f = *state;
    tm_message message = {
        .conv_type = kTIMConv_C2C, .conv_id = "bob", .seq = 5, .rand = 6, .client_time = 7, .elems = "[{}]"};
    assert_int_equal(tm_mirror_put_letter(f->mirror, "tm-5-6-7", &message, 100, &f->err), 0);
    assert_int_equal(tm_mirror_put_letter(f->mirror, "tm-5-6-8", &message, 200, &f->err), 0);
    news(f, message_of("bob", ME, "tm-5-6-7", NOW));
    assert_true(news(f, naming(TM_ITEM_RETRACT, "bob", ME, "tm-5-6-7", NOW + 1)).valid);
    check_due(f, 150, NULL, 200);
}

static void letters_wait_until_they_are_due(void **state)
{
    fixture *f = *state;
    tm_message message = {.conv_type = kTIMConv_C2C,
                          .conv_id = "bob",
                          .seq = UINT64_MAX,
                          .rand = 6,
                          .client_time = 7,
                          .priority = kTIMMsgPriority_Low,
                          .elems = "[{}]"};
    check_due(f, 1000, NULL, 0);
    assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 100, &f->err), 0);
    message.conv_id = "eve";
    assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 50, &f->err), 0);
    check_due(f, 49, NULL, 50);
    tm_mirror_letter letter;
    uint64_t next;
    assert_int_equal(tm_mirror_due_letter(f->mirror, 50, &letter, &next, &f->err), 0);
    assert_string_equal(letter.peer, "eve");
    assert_int_equal(letter.attempts, 1);
    assert_int_equal(letter.message.conv_type, kTIMConv_C2C);
    assert_int_equal(letter.message.seq, UINT64_MAX);
    assert_int_equal(letter.message.rand, 6);
    assert_int_equal(letter.message.client_time, 7);
    assert_int_equal(letter.message.priority, kTIMMsgPriority_Low);
    assert_string_equal(letter.message.elems, "[{}]");
    tm_free(letter.id);
    tm_message_clear(&letter.message);
    /* one that is there is put off, and says what the last attempt said */
    message.elems = "[{},{}]";
    assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 200, &f->err), 0);
    check_due(f, 150, "x", 100);
    assert_int_equal(tm_mirror_drop_letter(f->mirror, "bob", "x", &f->err), 0);
    assert_int_equal(tm_mirror_delay_letter(f->mirror, "eve", "x", 300, &f->err), 0);
    check_due(f, 299, NULL, 300);
    close_both(f);
    open_both(f);
    assert_int_equal(tm_mirror_due_letter(f->mirror, 300, &letter, &next, &f->err), 0);
    assert_int_equal(letter.attempts, 2);
    assert_string_equal(letter.message.elems, "[{},{}]");
    tm_free(letter.id);
    tm_message_clear(&letter.message);
    /* a connection that broke: what was put there since then is due */
    assert_int_equal(tm_mirror_hasten_letters(f->mirror, UINT64_MAX, &f->err), 0);
    check_due(f, 299, NULL, 300);
    assert_int_equal(tm_mirror_hasten_letters(f->mirror, 1000, &f->err), 0);
    check_due(f, 1, "x", 1);
    assert_int_equal(tm_mirror_drop_letter(f->mirror, "eve", "x", &f->err), 0);
    check_due(f, UINT64_MAX / 4, NULL, 0);
}

/* By when it was put there: else each break would bring all that the one before has. */
static void a_broken_connection_hastens_what_is_new(void **state)
{
    fixture *f = *state;
    tm_message message = {.conv_type = kTIMConv_C2C, .conv_id = "bob", .elems = "[1]"};
    assert_int_equal(tm_mirror_put_letter(f->mirror, "old", &message, 100, &f->err), 0);
    assert_int_equal(tm_mirror_put_letter(f->mirror, "new", &message, 200, &f->err), 0);
    execute(f, "UPDATE letters SET kept = 40 WHERE id = 'old'");
    assert_int_equal(tm_mirror_delay_letter(f->mirror, "bob", "old", 150, &f->err), 0);
    assert_int_equal(tm_mirror_hasten_letters(f->mirror, 41, &f->err), 0);
    check_due(f, 1, "new", 1);
    assert_int_equal(tm_mirror_drop_letter(f->mirror, "bob", "new", &f->err), 0);
    check_due(f, 1, NULL, 150);
}

static void letters_of_one_time_go_out_as_they_were_said(void **state)
{
    fixture *f = *state;
    tm_message message = {.conv_type = kTIMConv_C2C, .conv_id = "bob", .elems = "[1]"};
    static const char *const ids[] = {"tm-f-1-1", "tm-10-1-1", "tm-11-1-1", "tm-9-1-1"};
    static const uint64_t seqs[] = {0xf, 0x10, 0x11, 9};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        message.seq = seqs[i];
        assert_int_equal(tm_mirror_put_letter(f->mirror, ids[i], &message, i == 3 ? 101 : 100, &f->err), 0);
    }
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        check_due(f, 200, ids[i], i == 3 ? 101 : 100);
        assert_int_equal(tm_mirror_drop_letter(f->mirror, "bob", ids[i], &f->err), 0);
    }
}

/* Not since the message's time, which is the caller's, and not since the last attempt. */
static void a_letter_is_there_since_it_was_put_there(void **state)
{
    fixture *f = *state;
    tm_message message = {.conv_type = kTIMConv_C2C, .conv_id = "bob", .elems = "[1]"};
    const uint64_t times[] = {0, 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint64_t before = tm_clock_seconds();
        message.client_time = times[i];
        /* from the second round on by a user who sends it again */
        assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 100, &f->err), 0);
        check_kept(f, before, tm_clock_seconds() - before, 100);
        execute(f, "UPDATE letters SET kept = 40");
        assert_int_equal(tm_mirror_delay_letter(f->mirror, "bob", "x", 200, &f->err), 0);
        check_kept(f, 40, 0, 200);
    }
}

/* Of an unclear outcome: sent again only if the message counts as sent after all. */
static void a_letter_is_held_until_its_message_shows(void **state)
{
    fixture *f = *state;
    tm_message message = {.conv_type = kTIMConv_C2C, .conv_id = "bob", .elems = "[1]"};
    tm_mirror_letter letter;
    uint64_t next;
    assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 100, &f->err), 0);
    assert_int_equal(tm_mirror_hold_letter(f->mirror, "bob", "x", &f->err), 0);
    check_due(f, INT64_MAX, NULL, 0);
    assert_int_equal(tm_mirror_hasten_letters(f->mirror, 0, &f->err), 0);
    check_due(f, INT64_MAX, NULL, 0);
    assert_int_equal(tm_mirror_release_letter(f->mirror, "bob", "x", &f->err), 0);
    check_due(f, 1, "x", 1);
    /* one that is on its way as it should be stays as it is */
    assert_int_equal(tm_mirror_delay_letter(f->mirror, "bob", "x", 70, &f->err), 0);
    assert_int_equal(tm_mirror_release_letter(f->mirror, "bob", "x", &f->err), 0);
    check_due(f, 0, NULL, 70);
    /* sent anew by the user, perhaps with other contents */
    assert_int_equal(tm_mirror_hold_letter(f->mirror, "bob", "x", &f->err), 0);
    message.elems = "[2]";
    assert_int_equal(tm_mirror_put_letter(f->mirror, "x", &message, 100, &f->err), 0);
    assert_int_equal(tm_mirror_due_letter(f->mirror, 100, &letter, &next, &f->err), 0);
    assert_string_equal(letter.message.elems, "[2]");
    tm_free(letter.id);
    tm_message_clear(&letter.message);
    /* it is not kept for ever */
    assert_int_equal(tm_mirror_hold_letter(f->mirror, "bob", "x", &f->err), 0);
    int64_t later = (int64_t)((tm_clock_seconds() + 40 * 86400) * SECOND);
    trim(f, later);
    assert_int_equal(tm_mirror_release_letter(f->mirror, "bob", "x", &f->err), 0);
    check_due(f, INT64_MAX, NULL, 0);
}

/* ---- groups ---- */

static void add_group(void *argument, const char *group, uint64_t joined)
{
    char *text = argument;
    snprintf(text + strlen(text), 100 - strlen(text), "%s:%llu ", group, (unsigned long long)joined);
}

static void assert_groups(fixture *f, const char *expected)
{
    char text[100] = "";
    assert_int_equal(tm_mirror_groups(f->mirror, add_group, text, &f->err), 0);
    assert_string_equal(text, expected);
}

static void groups_are_kept_in_the_order_of_joining(void **state)
{
    fixture *f = *state;
    uint64_t joined = 99;
    assert_groups(f, "");
    assert_false(tm_mirror_in_group(f->mirror, "b", &joined));
    assert_int_equal(tm_mirror_set_group(f->mirror, "b", true, 20, &f->err), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, "a", true, 10, &f->err), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, "c", true, 0, &f->err), 0);
    assert_groups(f, "b:20 a:10 c:0 ");
    assert_true(tm_mirror_in_group(f->mirror, "a", &joined));
    assert_int_equal(joined, 10);
    assert_true(tm_mirror_in_group(f->mirror, "c", NULL));
    /* told again it stays where it is; who comes back is the last */
    assert_int_equal(tm_mirror_set_group(f->mirror, "b", true, 21, &f->err), 0);
    assert_groups(f, "b:21 a:10 c:0 ");
    assert_int_equal(tm_mirror_set_group(f->mirror, "b", false, 0, &f->err), 0);
    assert_false(tm_mirror_in_group(f->mirror, "b", NULL));
    assert_groups(f, "a:10 c:0 ");
    assert_int_equal(tm_mirror_set_group(f->mirror, "b", true, 30, &f->err), 0);
    assert_groups(f, "a:10 c:0 b:30 ");
}

static void add_unlisted(void *argument, const char *group, bool member, uint64_t joined)
{
    char *text = argument;
    snprintf(text + strlen(text), 100 - strlen(text), "%c%s:%llu ", member ? '+' : '-', group,
             (unsigned long long)joined);
}

static void what_the_servers_list_does_not_say_is_known(void **state)
{
    fixture *f = *state;
    char text[100] = "";
    assert_int_equal(tm_mirror_set_group(f->mirror, "a", true, 10, &f->err), 0);
    assert_int_equal(tm_mirror_set_group(f->mirror, "b", true, 20, &f->err), 0);
    assert_int_equal(tm_mirror_list_group(f->mirror, "a", true, &f->err), 0);
    assert_int_equal(tm_mirror_list_group(f->mirror, "b", false, &f->err), 0); /* not what is so */
    assert_int_equal(tm_mirror_unlisted(f->mirror, add_unlisted, text, &f->err), 0);
    assert_string_equal(text, "+b:20 ");
    assert_int_equal(tm_mirror_set_group(f->mirror, "a", false, 0, &f->err), 0);
    assert_int_equal(tm_mirror_list_group(f->mirror, "b", true, &f->err), 0);
    *text = '\0';
    assert_int_equal(tm_mirror_unlisted(f->mirror, add_unlisted, text, &f->err), 0);
    assert_string_equal(text, "-a:0 ");
}

/* Where the user came in, by the room's archive. */
static void where_a_group_was_entered_is_known_while_the_user_is_in_it(void **state)
{
    fixture *f = *state;
    char *last;
    assert_int_equal(tm_mirror_note_since(f->mirror, GROUP, NOW, "room-1", &f->err), 0);
    assert_int_equal(tm_mirror_since(f->mirror, GROUP, &last), 0); /* not in it */
    assert_null(last);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 5, &f->err), 0);
    assert_int_equal(tm_mirror_since(f->mirror, GROUP, NULL), 0);
    assert_int_equal(tm_mirror_note_since(f->mirror, GROUP, NOW, "room-1", &f->err), 0);
    assert_int_equal(tm_mirror_since(f->mirror, GROUP, &last), NOW);
    assert_string_equal(last, "room-1");
    tm_free(last);
    /* that item is from before, the next one of the same time is not */
    assert_false(put(f, message_of(NULL, "bob", "tm-1-1-1", NOW), "room-1", TM_MIRROR_NEWS, NOW).told);
    assert_true(put(f, message_of(NULL, "bob", "tm-2-1-1", NOW), "room-2", TM_MIRROR_NEWS, NOW).told);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, true, 6, &f->err), 0); /* another time */
    assert_int_equal(tm_mirror_since(f->mirror, GROUP, NULL), 0);
    assert_int_equal(tm_mirror_note_since(f->mirror, GROUP, 1, "", &f->err), 0);
    assert_int_equal(tm_mirror_since(f->mirror, GROUP, &last), 1);
    assert_string_equal(last, "");
    tm_free(last);
    assert_int_equal(tm_mirror_set_group(f->mirror, GROUP, false, 0, &f->err), 0);
    assert_int_equal(tm_mirror_since(f->mirror, GROUP, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_may_open_it_at_once),
        TEST(a_mirror_keeps_everything_when_it_is_opened_again),
        TEST(the_admins_of_a_group_are_known_while_the_user_is_in_it),
        TEST(that_a_group_was_joined_is_kept_until_it_was_said),
        TEST(changes_of_a_groups_list_are_kept_until_they_are_made),
        TEST(an_invitation_back_is_kept_while_the_user_is_in_the_group),
        TEST(a_mirror_of_an_earlier_version_goes_on),
        TEST(what_was_rolled_back_was_never_there),
        TEST(news_of_one_second_keep_their_order),
        TEST(history_is_no_event),
        TEST(history_fills_in_below),
        TEST(history_beyond_the_top_is_the_top),
        TEST(a_new_device_numbers_behind_its_beginning),
        TEST(what_is_older_than_the_archives_start_is_no_news),
        TEST(a_message_is_there_once),
        TEST(an_id_of_another_client_may_come_again),
        TEST(an_id_that_came_again_names_the_last_message),
        TEST(an_id_that_came_too_often_is_that_of_the_latest),
        TEST(an_older_message_of_an_id_is_named_by_the_room_or_not_at_all),
        TEST(tips_are_known_by_who_caused_them),
        TEST(a_seq_is_the_senders_or_that_of_its_time),
        TEST(a_seq_of_another_client_is_the_same_when_it_is_read_again),
        TEST(a_mirror_that_is_behind_its_store_goes_on_behind_it),
        TEST(messages_are_found_by_identity_and_number),
        TEST(other_items_leave_only_their_archive_id),
        TEST(a_refused_message_is_nobodys),
        TEST(what_is_held_is_not_read),
        TEST(messages_become_events),
        TEST(fetching_goes_on_where_it_stopped),
        TEST(the_sender_retracts),
        TEST(ones_own_message_is_retracted_by_another_device),
        TEST(nobody_retracts_what_others_said),
        TEST(a_retraction_comes_in_time),
        TEST(in_groups_owner_and_admins_retract),
        TEST(a_retraction_means_the_message_of_the_author_that_it_names),
        TEST(a_retraction_that_names_no_author_must_be_plain),
        TEST(what_was_retracted_meanwhile_is_news),
        TEST(what_was_heard_of_a_group_is_known_when_it_is_entered_again),
        TEST(what_a_retraction_tells_can_be_asked),
        TEST(a_message_that_was_never_here_is_retracted),
        TEST(a_retraction_that_came_first_tells_of_its_message),
        TEST(a_retraction_of_anothers_id_hides_no_message),
        TEST(a_forged_time_is_not_believed),
        TEST(a_foreign_message_that_was_never_here_is_retracted),
        TEST(a_peer_reads),
        TEST(a_marker_must_name_what_another_said),
        TEST(one_reads_ones_own_notes),
        TEST(in_groups_only_ones_own_reading_counts),
        TEST(a_marker_that_was_heard_first_counts_for_history),
        TEST(receipts_are_asked_for_in_order),
        TEST(contents_are_erased_and_the_rest_is_known),
        TEST(what_is_old_is_forgotten_but_not_what_only_the_mirror_knows),
        TEST(what_the_peer_said_last_is_not_forgotten),
        TEST(what_is_read_again_is_not_forgotten),
        TEST(what_is_still_to_be_told_is_read_again_and_not_forgotten),
        TEST(what_is_unclear_is_read_again),
        TEST(many_old_rows_go_in_parts),
        TEST(what_is_retracted_goes_out_no_more),
        TEST(letters_wait_until_they_are_due),
        TEST(a_broken_connection_hastens_what_is_new),
        TEST(letters_of_one_time_go_out_as_they_were_said),
        TEST(a_letter_is_there_since_it_was_put_there),
        TEST(a_letter_is_held_until_its_message_shows),
        TEST(groups_are_kept_in_the_order_of_joining),
        TEST(where_a_group_was_entered_is_known_while_the_user_is_in_it),
        TEST(what_the_servers_list_does_not_say_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
