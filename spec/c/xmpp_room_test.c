/* XMPP rooms: who is in one and what he is, by the room's own word alone; and that what others say of it, and come and
 * go, takes no more memory than there are members. */
#ifdef TM_WITHOUT_XMPP
int main(void)
{
    return 0;
}
#else
#include "xmpp_member.h"

#include "xmpp_item.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define STAMP UINT64_C(1767323045678901)
#define HOUR UINT64_C(3600000000)
#define MUC_USER "http://jabber.org/protocol/muc#user"

typedef struct fixture {
    xmpp_ctx_t *ctx;
    tm_xmpp x; /* not connected: nothing is sent */
    tm_room *room;
    char directory[32]; /* of the mirror */
} fixture;

static const atomic_bool running;

static void enter(fixture *f)
{
    f->room = tm_room_make(&f->x, "crew");
    f->room->in = true;
    f->room->own = TM_STANDING_OWNER;
}

/* Alice owns the group "crew", and is in its room as "alice". */
static int start(void **state)
{
    tm_error err = {0};
    fixture *f = calloc(1, sizeof *f);
    if (!f) return -1;
    strcpy(f->directory, "/tmp/room_XXXXXX");
    if (!mkdtemp(f->directory)) return -1;
    f->x.mirror = tm_mirror_open(f->directory, "alice", &running, &err);
    if (!f->x.mirror || tm_mirror_set_group(f->x.mirror, "crew", true, 0, &err)) return -1;
    f->ctx = xmpp_ctx_new(NULL, NULL);
    f->x.address.domain = "im.test";
    f->x.rooms = "rooms.im.test";
    f->x.localpart = "alice";
    strcpy(f->x.user, "alice");
    enter(f);
    *state = f;
    return 0;
}

static int stop(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    fixture *f = *state;
    tm_rooms_free(&f->x);
    tm_mirror_close(f->x.mirror);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/alice.mirror%s", f->directory, ends[i]);
        unlink(path);
    }
    rmdir(f->directory);
    xmpp_ctx_free(f->ctx);
    free(f);
    return 0;
}

/* ---- what the room says ---- */

static void hear(fixture *f, void (*take)(fixture *f, xmpp_stanza_t *stanza), char *text)
{
    xmpp_stanza_t *stanza = xmpp_stanza_new_from_string(f->ctx, text);
    if (!stanza) fail_msg("no XML: %s", text);
    take(f, stanza);
    xmpp_stanza_release(stanza);
    tm_free(text);
}

static void take_presence(fixture *f, xmpp_stanza_t *stanza)
{
    tm_rooms_presence(&f->x, stanza);
}

static void take_notice(fixture *f, xmpp_stanza_t *stanza)
{
    tm_rooms_notice(&f->x, f->room, stanza);
}

static void comes(fixture *f, const char *user, const char *nick, const char *affiliation)
{
    hear(f, take_presence,
         tm_format("<presence from='crew@rooms.im.test/%s'><x xmlns='" MUC_USER "'>"
                   "<item affiliation='%s' jid='%s@im.test/x'/></x></presence>",
                   nick, affiliation, user));
}

static void goes(fixture *f, const char *nick, const char *affiliation)
{
    hear(f, take_presence,
         tm_format("<presence type='unavailable' from='crew@rooms.im.test/%s'><x xmlns='" MUC_USER "'>"
                   "<item affiliation='%s'/></x></presence>",
                   nick, affiliation));
}

/* A message of the room: `item` in its element, and `more` beside that. */
static void notice(fixture *f, const char *item, const char *more)
{
    hear(f, take_notice,
         tm_format("<message from='crew@rooms.im.test'><x xmlns='" MUC_USER "'>%s</x>%s</message>", item,
                   more));
}

static int entries(const fixture *f)
{
    int count = 0;
    for (const tm_occupant *of = f->room->occupants; of; of = of->next)
        count++;
    return count;
}

/* ---- what is said in it ---- */

/* GroupTips of a member, about the users (taken over). */
static void tells(fixture *f, int tip, const char *actor, cJSON *users, uint64_t stamp)
{
    tm_item item = {.kind = TM_ITEM_TIPS, .conv_type = kTIMConv_Group, .stamp = stamp};
    cJSON *elems = cJSON_CreateArray(), *elem = cJSON_CreateObject();
    cJSON_AddNumberToObject(elem, kTIMGroupTipsElemTipType, tip);
    cJSON_AddItemToObject(elem, kTIMGroupTipsElemUserArray, users);
    cJSON_AddItemToArray(elems, elem);
    strcpy(item.conv_id, "crew");
    snprintf(item.actor, sizeof item.actor, "%s", actor);
    item.elems = cJSON_PrintUnformatted(elems);
    cJSON_Delete(elems);
    tm_error err = {0};
    assert_int_equal(tm_mirror_begin(f->x.mirror, &err), 0);
    assert_int_equal(tm_member_tips(&f->x, &item, &err), 0);
    assert_int_equal(tm_mirror_commit(f->x.mirror, &err), 0);
    cJSON_free(item.elems);
}

/* That many have come: those named so, with the numbers from `from` on. */
static void says(fixture *f, const char *actor, const char *prefix, int from, int count, uint64_t stamp)
{
    cJSON *users = cJSON_CreateArray();
    for (int i = from; i < from + count; i++) {
        char name[TM_MAX_USER_ID + 1];
        snprintf(name, sizeof name, "%s%d", prefix, i);
        cJSON_AddItemToArray(users, cJSON_CreateString(name));
    }
    tells(f, TM_TIP_JOINED, actor, users, stamp);
}

static void tells_of(fixture *f, int tip, const char *actor, const char *user)
{
    cJSON *users = cJSON_CreateArray();
    cJSON_AddItemToArray(users, cJSON_CreateString(user));
    tells(f, tip, actor, users, STAMP);
}

static void says_of(fixture *f, const char *actor, const char *user)
{
    tells_of(f, TM_TIP_JOINED, actor, user);
}

static int notes(const fixture *f)
{
    return cJSON_GetArraySize(f->room->notes);
}

static bool is_noted(const fixture *f, const char *user)
{
    return cJSON_GetObjectItemCaseSensitive(f->room->notes, user);
}

/* What the owner's session is to make of a user in the room's list; "": nothing. */
static const char *to_be_made(const fixture *f, const char *user)
{
    const cJSON *change = cJSON_GetObjectItemCaseSensitive(f->room->changes, user);
    return change ? change->valuestring : "";
}

/* Another session, which has heard nothing. */
static void log_in_anew(fixture *f)
{
    tm_room_drop(&f->x, f->room);
    enter(f);
    assert_string_equal(to_be_made(f, "bob"), "");
    tm_member_recall(&f->x, f->room);
}

/* ---- the tests ---- */

static void who_has_gone_is_forgotten(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 1000; i++) {
        char user[16];
        snprintf(user, sizeof user, "user%d", i);
        comes(f, user, user, "none");
        assert_int_equal(entries(f), 1);
        goes(f, user, "none");
        assert_int_equal(entries(f), 0);
    }
}

static void a_member_who_comes_and_goes_has_one_entry(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 1000; i++) {
        char nick[16];
        snprintf(nick, sizeof nick, "nick%d", i);
        comes(f, "bob", nick, "admin");
        goes(f, nick, "admin");
        assert_int_equal(entries(f), 1);
        assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_ADMIN);
    }
    /* with two devices */
    for (int i = 0; i < 1000; i++) {
        comes(f, "bob", "one", "member");
        comes(f, "bob", "two", "member");
        comes(f, "carol", "three", "none");
        assert_int_equal(entries(f), 3);
        goes(f, "one", "member");
        goes(f, "three", "none");
        goes(f, "two", "member");
        assert_int_equal(entries(f), 1);
        assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_MEMBER);
    }
    comes(f, "bob", "one", "member");
    goes(f, "one", "none");
    assert_int_equal(entries(f), 0);
}

static void a_notice_says_who_is_a_member(void **state)
{
    fixture *f = *state;
    notice(f, "<item affiliation='member' jid='bob@im.test'/>", "");
    assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_MEMBER);
    notice(f, "<item affiliation='member' jid='carol@im.test'/><status code='100'/>", "");
    assert_int_equal(tm_room_standing(f->room, "carol"), TM_STANDING_MEMBER);
    notice(f, "<item affiliation='none' jid='bob@im.test'/>", "");
    assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_NONE);
}

static void a_notice_that_a_user_has_a_hand_in_says_nothing(void **state)
{
    fixture *f = *state;
    const char *out = "<item affiliation='none' jid='bob@im.test'/>";
    comes(f, "bob", "bob", "member");
    notice(f, out, "<body>come</body>");
    notice(f, out, "<x xmlns='jabber:x:conference' jid='crew@rooms.im.test'/>");
    notice(f, "<item affiliation='none' jid='bob@im.test'/><invite from='mallory@im.test'/>", "");
    notice(f, "<item affiliation='none' jid='bob@im.test'/><decline from='mallory@im.test'/>", "");
    notice(f, "<item affiliation='none' jid='bob@elsewhere.test'/>", "");
    notice(f, "<item jid='bob@im.test'/>", "");
    assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_MEMBER);
    /* of powers only presences and lists say anything */
    notice(f, "<item affiliation='owner' jid='mallory@im.test'/>", "");
    notice(f, "<item affiliation='admin' jid='mallory@im.test'/>", "");
    assert_int_equal(tm_room_standing(f->room, "mallory"), TM_STANDING_NONE);
}

/* Read late: the room says what came of it all. */
static void who_quits_is_nothing_until_he_is_back(void **state)
{
    fixture *f = *state;
    comes(f, "alice", "alice", "owner");
    comes(f, "bob", "bob", "admin");
    tells_of(f, TM_TIP_QUIT, "bob", "bob");
    assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_NONE);
    assert_string_equal(to_be_made(f, "bob"), "none");
    says_of(f, "alice", "bob");
    assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_ADMIN);
    assert_string_equal(to_be_made(f, "bob"), "");
    /* by one without powers he is only brought */
    tells_of(f, TM_TIP_QUIT, "carol", "carol");
    says_of(f, "dave", "carol");
    assert_string_equal(to_be_made(f, "carol"), "member");
    tells_of(f, TM_TIP_QUIT, "alice", "alice"); /* which an owner cannot do */
    assert_string_equal(to_be_made(f, "alice"), "");
}

static void what_was_not_made_is_to_be_made_in_the_next_session(void **state)
{
    fixture *f = *state;
    says_of(f, "bob", "bob");
    says_of(f, "dave", "carol");
    log_in_anew(f);
    assert_string_equal(to_be_made(f, "bob"), "member");
    assert_string_equal(to_be_made(f, "carol"), "member");
    assert_true(is_noted(f, "bob"));
    /* the last counts */
    tells_of(f, TM_TIP_QUIT, "bob", "bob");
    log_in_anew(f);
    assert_string_equal(to_be_made(f, "bob"), "none");
    comes(f, "bob", "bob", "member"); /* as he is in the list still */
    assert_int_equal(tm_room_standing(f->room, "bob"), TM_STANDING_NONE);
    says_of(f, "bob", "bob");
    assert_string_equal(to_be_made(f, "bob"), "member");
    /* who has powers has made it */
    comes(f, "alice", "alice", "owner");
    tells_of(f, TM_TIP_REMOVED, "alice", "bob");
    tm_member_drop_change(&f->x, "crew", "carol", "none");
    log_in_anew(f);
    assert_string_equal(to_be_made(f, "carol"), "member");
    tm_member_drop_change(&f->x, "crew", "carol", "member");
    log_in_anew(f);
    assert_string_equal(to_be_made(f, "carol"), "");
}

/* What was said of a user counts until the room says another thing of him. */
static void who_is_taken_out_of_the_list_is_no_member(void **state)
{
    fixture *f = *state;
    /* who joined an open room, and is not in its list yet */
    comes(f, "bob", "bob", "none");
    says_of(f, "bob", "bob");
    comes(f, "bob", "bob", "none");
    assert_true(is_noted(f, "bob"));
    /* taken out, and there still */
    comes(f, "bob", "bob", "member");
    assert_true(is_noted(f, "bob"));
    comes(f, "bob", "bob", "none");
    assert_false(is_noted(f, "bob"));
    /* put out before he was in the list */
    says_of(f, "bob", "bob");
    goes(f, "bob", "none'/><status code='301");
    assert_false(is_noted(f, "bob"));
    /* he goes by himself, and stays a member */
    comes(f, "bob", "bob", "none");
    says_of(f, "bob", "bob");
    goes(f, "bob", "none");
    assert_true(is_noted(f, "bob"));
    /* taken out while away */
    notice(f, "<item affiliation='member' jid='bob@im.test'/>", "");
    assert_true(is_noted(f, "bob"));
    notice(f, "<item affiliation='none' jid='bob@im.test'/>", "");
    assert_false(is_noted(f, "bob"));
}

static void what_a_member_was_counts_before_what_he_is(void **state)
{
    fixture *f = *state;
    tm_item item = {.conv_id = "crew", .actor = "bob", .says_standing = true};
    comes(f, "bob", "bob", "admin");
    assert_false(tm_rooms_may_revoke(&f->x, &item));
    item.says_standing = false;
    assert_true(tm_rooms_may_revoke(&f->x, &item));
    comes(f, "bob", "bob", "member");
    assert_false(tm_rooms_may_revoke(&f->x, &item));
    item.says_standing = item.may_revoke = true;
    assert_true(tm_rooms_may_revoke(&f->x, &item));
}

static void whose_powers_change_has_the_room_asked(void **state)
{
    fixture *f = *state;
    comes(f, "carol", "carol", "none");
    comes(f, "carol", "carol", "member");
    goes(f, "carol", "member");
    assert_false(f->room->powers_changed);
    comes(f, "bob", "bob", "admin");
    assert_true(f->room->powers_changed);
    f->room->powers_changed = false;
    goes(f, "bob", "admin");
    comes(f, "bob", "bob", "admin");
    assert_false(f->room->powers_changed);
    notice(f, "<item affiliation='member' jid='bob@im.test'/>", "");
    assert_true(f->room->powers_changed);
    f->room->powers_changed = false;
    notice(f, "<item affiliation='admin' jid='carol@im.test'/>", "");
    assert_true(f->room->powers_changed);
}

static void an_error_under_anothers_nick_keeps_nobody_out(void **state)
{
    fixture *f = *state;
    const char *error =
        "<presence type='error' from='crew@rooms.im.test%s'><error type='cancel'>"
        "<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>";
    const char *own[] = {"/alice", ""};
    for (int i = 0; i < 2; i++) {
        f->room->in = false;
        f->room->entering = true;
        hear(f, take_presence, tm_format(error, "/mallory"));
        assert_true(f->room->entering);
        hear(f, take_presence, tm_format(error, own[i]));
        assert_false(f->room->entering);
        assert_true(f->room->retry_at);
    }
}

static void a_plain_member_is_believed_500_names_an_hour(void **state)
{
    fixture *f = *state;
    comes(f, "mallory", "mallory", "member");
    says(f, "mallory", "n", 0, 400, STAMP);
    says(f, "mallory", "n", 400, 400, STAMP);
    assert_int_equal(notes(f), 500);
    assert_true(is_noted(f, "n499"));
    assert_false(is_noted(f, "n500"));
    /* each of them */
    comes(f, "bob", "bob", "member");
    says(f, "bob", "b", 0, 1, STAMP);
    assert_true(is_noted(f, "b0"));
    /* and each hour */
    says(f, "mallory", "m", 0, 1, STAMP + HOUR);
    assert_true(is_noted(f, "m0"));
    assert_int_equal(notes(f), 502);
}

static void one_tip_names_no_more_than_a_call(void **state)
{
    fixture *f = *state;
    comes(f, "bob", "bob", "admin");
    says(f, "bob", "n", 0, 500, STAMP);
    says(f, "bob", "m", 0, 501, STAMP);
    assert_int_equal(notes(f), 1000);
    assert_false(is_noted(f, "m500"));
}

static void what_is_remembered_has_a_limit(void **state)
{
    fixture *f = *state;
    comes(f, "mallory", "mallory", "member");
    for (int i = 0; i < 20; i++)
        says(f, "mallory", "n", i * 500, 500, STAMP + HOUR * (unsigned)i);
    assert_in_range(notes(f), 1000, 4000);
    assert_true(is_noted(f, "n9999")); /* the newest */
    assert_in_range(cJSON_GetArraySize(f->room->changes), 1000, 4000);
}

static void a_full_group_takes_nobody_in(void **state)
{
    fixture *f = *state;
    f->room->max = 5;
    comes(f, "alice", "alice", "owner");
    comes(f, "mallory", "mallory", "member");
    says(f, "mallory", "n", 0, 10, STAMP);
    assert_int_equal(notes(f), 3);
    assert_int_equal(cJSON_GetArraySize(f->room->changes), 3);
    assert_int_equal(tm_member_count(f->room, NULL, false), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_has_gone_is_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(a_member_who_comes_and_goes_has_one_entry, start, stop),
        cmocka_unit_test_setup_teardown(a_notice_says_who_is_a_member, start, stop),
        cmocka_unit_test_setup_teardown(a_notice_that_a_user_has_a_hand_in_says_nothing, start, stop),
        cmocka_unit_test_setup_teardown(who_quits_is_nothing_until_he_is_back, start, stop),
        cmocka_unit_test_setup_teardown(what_was_not_made_is_to_be_made_in_the_next_session, start, stop),
        cmocka_unit_test_setup_teardown(who_is_taken_out_of_the_list_is_no_member, start, stop),
        cmocka_unit_test_setup_teardown(what_a_member_was_counts_before_what_he_is, start, stop),
        cmocka_unit_test_setup_teardown(whose_powers_change_has_the_room_asked, start, stop),
        cmocka_unit_test_setup_teardown(an_error_under_anothers_nick_keeps_nobody_out, start, stop),
        cmocka_unit_test_setup_teardown(a_plain_member_is_believed_500_names_an_hour, start, stop),
        cmocka_unit_test_setup_teardown(one_tip_names_no_more_than_a_call, start, stop),
        cmocka_unit_test_setup_teardown(what_is_remembered_has_a_limit, start, stop),
        cmocka_unit_test_setup_teardown(a_full_group_takes_nobody_in, start, stop),
    };
    return cmocka_run_group_tests_name("xmpp_room", tests, NULL, NULL);
}
#endif
