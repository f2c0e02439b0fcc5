/*
 * source_examples: every C++ example of the TIM message API's documentation, run one after the other.
 *
 * Usage: source_examples DIR      (DIR: an empty or missing directory for the data; the hub is made inside
 * it)
 *
 * The statements of each example are the documentation's own; what we add is marked "ours": where an example
 * ignores the outcome, its callback keeps it. The callbacks capture nothing, so an outcome is a static
 * variable. The JSON that the documentation prints below an example is compared with what the example makes.
 */
#include "timmsg.h"

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <ctime>
#include <exception>
#include <fstream>
#include <iterator>
#include <json/json.h>
#include <memory>
#include <mutex>
#include <string>

namespace
{

/* What a completion brought. The logic thread stores, the main thread waits. */
class Outcome
{
  public:
    void store(int32_t code, const char *desc, const char *json_param, const void *user_data)
    {
        std::lock_guard<std::mutex> guard(mutex_);
        code_ = code;
        desc_ = desc ? desc : "(null)";
        json_ = json_param ? json_param : "(null)";
        user_data_ = user_data;
        done_ = true;
        changed_.notify_all();
    }

    /* Waits 10 s at most. What is wrong with the outcome, or "" if it is a success with `user_data`. */
    std::string wait(const void *user_data)
    {
        std::unique_lock<std::mutex> guard(mutex_);
        if (!changed_.wait_for(guard, std::chrono::seconds(10), [this] { return done_; }))
            return std::string("no completion within 10 s; the last refused call: ") + timmsg_last_error();
        if (code_ != ERR_SUCC) return "code " + std::to_string(code_) + ": " + desc_;
        if (desc_ != "") return "success with a desc: " + desc_;
        if (user_data_ != user_data) return "user_data came back changed";
        return "";
    }

    std::string json()
    {
        std::lock_guard<std::mutex> guard(mutex_);
        return json_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int32_t code_ = -1;
    bool done_ = false;
    std::string desc_, json_;
    const void *user_data_ = nullptr;
};

bool parse(const std::string &text, Json::Value *value)
{
    Json::CharReaderBuilder builder;
    const char *begin = text.data();
    return std::unique_ptr<Json::CharReader>(builder.newCharReader())
        ->parse(begin, begin + text.size(), value, nullptr);
}

/* The documentation's times are those of the day it was written. */
void forget_times(Json::Value *value)
{
    if (value->isObject()) {
        for (const std::string &key : value->getMemberNames()) {
            if (key == kTIMMsgClientTime || key == kTIMMsgServerTime)
                (*value)[key] = 0;
            else
                forget_times(&(*value)[key]);
        }
    } else if (value->isArray()) {
        for (Json::Value &item : *value)
            forget_times(&item);
    }
}

/* "" if an example's JSON is what the documentation prints below it, but for the times. */
std::string compare(Json::Value made, const char *printed)
{
    Json::Value expected;
    if (!parse(printed, &expected)) return "the documentation's JSON does not parse";
    forget_times(&made);
    forget_times(&expected);
    if (made.toStyledString() == expected.toStyledString()) return "";
    return "the JSON differs from the documentation's: " + made.toStyledString();
}

std::string refused(int ret)
{
    if (ret == TIM_SUCC) return "";
    return "refused with " + std::to_string(ret) + ": " + timmsg_last_error();
}

/* The first of two texts that is not empty. */
std::string first(const std::string &one, const std::string &other)
{
    return one.empty() ? other : one;
}

class Examples
{
  public:
    /* What the documentation's examples find in their surroundings. */
    std::string login_id = "user1";
    std::string conv_id = "user2";
    std::string path_;
    std::string name = "downloaded.txt";
    Json::UInt flag = 0;
    Json::UInt type = kTIMDownload_File;
    std::string id;
    Json::UInt business_id = 0;
    std::string url;

    explicit Examples(const std::string &dir) : path_(dir + "/downloads"), dir_(dir)
    {
    }

    /* Each returns what went wrong, or "". */
    std::string send_new_msg();
    std::string revoke();
    std::string find_by_msg_locator_list();
    std::string import_msg_list();
    std::string get_msg_list();
    std::string delete_msg();
    std::string download_elem_to_path();
    std::string batch_send();

  private:
    std::string send_file();

    std::string dir_;
};

std::string Examples::send_new_msg()
{
    static Outcome sent;

    Json::Value json_value_text;
    json_value_text[kTIMElemType] = kTIMElem_Text;
    json_value_text[kTIMTextElemContent] = "send text";
    Json::Value json_value_msg;
    json_value_msg[kTIMMsgElemArray].append(json_value_text);
    json_value_msg[kTIMMsgSender] = login_id;
    json_value_msg[kTIMMsgClientTime] = time(NULL);
    json_value_msg[kTIMMsgServerTime] = time(NULL);

    int ret = TIMMsgSendNewMsg(
        conv_id.c_str(), kTIMConv_C2C, json_value_msg.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            sent.store(code, desc, json_param, user_data); // ours
            if (ERR_SUCC != code) {
                // Failed to send the message.
                return;
            }
            // Sent the message successfully.
        },
        this);

    std::string wrong = compare(json_value_msg, R"({
       "message_client_time" : 1551446728,
       "message_elem_array" : [
          {
             "elem_type" : 0,
             "text_elem_content" : "send text"
          }
       ],
       "message_sender" : "user1",
       "message_server_time" : 1551446728
    })");
    if (ret != TIM_SUCC) return refused(ret);
    return first(wrong, sent.wait(this));
}

std::string Examples::revoke()
{
    static Outcome sent, revoked;

    Json::Value json_value_text;
    json_value_text[kTIMElemType] = kTIMElem_Text;
    json_value_text[kTIMTextElemContent] = "send text";
    Json::Value json_value_msg;
    json_value_msg[kTIMMsgElemArray].append(json_value_text);

    int ret = TIMMsgSendNewMsg(
        "test_win_03", kTIMConv_C2C, json_value_msg.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            sent.store(code, desc, json_param, user_data); // ours
            if (ERR_SUCC != code) {
                // Failed to send the message.
                return;
            }
            // Sent the message successfully. json_param returns the message JSON string after the message is
            // sent.
            TIMMsgRevoke(
                "test_win_03", kTIMConv_C2C, json_param,
                [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
                    revoked.store(code, desc, json_param, user_data); // ours
                    if (ERR_SUCC != code) {
                        // Failed to revoke the message.
                        return;
                    }
                    // Revoked the message successfully.
                },
                user_data);
        },
        this);

    if (ret != TIM_SUCC) return refused(ret);
    std::string wrong = sent.wait(this);
    if (!wrong.empty()) return "send: " + wrong;
    wrong = revoked.wait(this);
    if (!wrong.empty()) return "revoke: " + wrong;
    return "";
}

std::string Examples::find_by_msg_locator_list()
{
    static Outcome found;

    Json::Value json_msg_locator; // A message locator corresponds to one message (accurate location).
    json_msg_locator[kTIMMsgLocatorIsRevoked] = false; // Checks whether the message is revoked.
    json_msg_locator[kTIMMsgLocatorTime] = 123;        // Specifies the message time.
    json_msg_locator[kTIMMsgLocatorSeq] = 1;
    json_msg_locator[kTIMMsgLocatorIsSelf] = false;
    json_msg_locator[kTIMMsgLocatorRand] = 12345678;

    Json::Value json_msg_locators;
    json_msg_locators.append(json_msg_locator);
    TIMMsgFindByMsgLocatorList(
        "user2", kTIMConv_C2C, json_msg_locators.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            found.store(code, desc, json_param, user_data); // ours
        },
        nullptr);

    std::string wrong = compare(json_msg_locators, R"([
       {
          "message_locator_is_revoked" : false,
          "message_locator_is_self" : false,
          "message_locator_rand" : 12345678,
          "message_locator_seq" : 1,
          "message_locator_time" : 123
       }
    ])");
    wrong = first(found.wait(nullptr), wrong);
    if (!wrong.empty()) return wrong;
    Json::Value result;
    if (!parse(found.json(), &result) || !result.isArray() || !result.empty())
        return "not an empty array: " + found.json();
    return "";
}

std::string Examples::import_msg_list()
{
    static Outcome imported;

    Json::Value json_value_elem; // Constructs the message text element.
    json_value_elem[kTIMElemType] = TIMElemType::kTIMElem_Text;
    json_value_elem[kTIMTextElemContent] = "this is import msg";

    Json::Value json_value_msg; // Constructs a message.
    json_value_msg[kTIMMsgSender] = login_id;
    json_value_msg[kTIMMsgClientTime] = time(NULL);
    json_value_msg[kTIMMsgServerTime] = time(NULL);
    json_value_msg[kTIMMsgElemArray].append(json_value_elem);

    Json::Value json_value_msgs; // Message array
    json_value_msgs.append(json_value_msg);

    TIMMsgImportMsgList(
        "user2", kTIMConv_C2C, json_value_msgs.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            imported.store(code, desc, json_param, user_data); // ours
        },
        nullptr);

    std::string wrong = compare(json_value_msgs, R"([
       {
          "message_client_time" : 1551446728,
          "message_elem_array" : [
             {
                "elem_type" : 0,
                "text_elem_content" : "this is import msg"
             }
          ],
          "message_sender" : "user1",
          "message_server_time" : 1551446728
       }
    ])");
    return first(imported.wait(nullptr), wrong);
}

std::string Examples::get_msg_list()
{
    static Outcome got;

    Json::Value json_msg(Json::objectValue); // Constructs a message.
    Json::Value json_get_msg_param;
    json_get_msg_param[kTIMMsgGetMsgListParamLastMsg] = json_msg;
    json_get_msg_param[kTIMMsgGetMsgListParamIsRamble] = false;
    json_get_msg_param[kTIMMsgGetMsgListParamIsForward] = true;
    json_get_msg_param[kTIMMsgGetMsgListParamCount] = 100;

    int ret = TIMMsgGetMsgList(
        "Windows-02", kTIMConv_C2C, json_get_msg_param.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_params, const void *user_data) {
            got.store(code, desc, json_params, user_data); // ours
        },
        this);

    std::string wrong = compare(json_get_msg_param, R"({
       "msg_getmsglist_param_count" : 100,
       "msg_getmsglist_param_is_forward" : true,
       "msg_getmsglist_param_is_remble" : false,
       "msg_getmsglist_param_last_msg" : {}
    })");
    if (ret != TIM_SUCC) return refused(ret);
    wrong = first(got.wait(this), wrong);
    if (!wrong.empty()) return wrong;
    Json::Value result;
    if (!parse(got.json(), &result) || !result.isArray()) return "not an array: " + got.json();
    return "";
}

std::string Examples::delete_msg()
{
    static Outcome deleted;

    Json::Value json_value_msg(Json::objectValue);
    Json::Value json_value_msgdelete;
    json_value_msgdelete[kTIMMsgDeleteParamIsRamble] = false;
    json_value_msgdelete[kTIMMsgDeleteParamMsg] = json_value_msg;
    TIMMsgDelete(
        "user2", kTIMConv_C2C, json_value_msgdelete.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            deleted.store(code, desc, json_param, user_data); // ours
        },
        nullptr);

    std::string wrong = compare(json_value_msgdelete, R"({
      "msg_delete_param_is_remble" : false,
      "msg_delete_param_msg" : {}
    })");
    return first(deleted.wait(nullptr), wrong);
}

const char file_content[] = "the content of a file, sent so that there is something to download\n";

/* Ours: sends a file, so that there is an id and a url to download. */
std::string Examples::send_file()
{
    static Outcome sent;

    std::string path = dir_ + "/sent.txt";
    std::ofstream file(path, std::ios::binary);
    file << file_content;
    file.close();
    if (!file) return "can't write " + path;

    Json::Value json_value_file;
    json_value_file[kTIMElemType] = kTIMElem_File;
    json_value_file[kTIMFileElemFilePath] = path;
    Json::Value json_value_msg;
    json_value_msg[kTIMMsgElemArray].append(json_value_file);
    int ret = TIMMsgSendNewMsg(
        conv_id.c_str(), kTIMConv_C2C, json_value_msg.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            sent.store(code, desc, json_param, user_data);
        },
        this);
    if (ret != TIM_SUCC) return refused(ret);
    std::string wrong = sent.wait(this);
    if (!wrong.empty()) return wrong;

    Json::Value msg;
    if (!parse(sent.json(), &msg)) return "not a message: " + sent.json();
    const Json::Value &elem = msg[kTIMMsgElemArray][0];
    if (!elem[kTIMFileElemFileId].isString() || !elem[kTIMFileElemUrl].isString() ||
        !elem[kTIMFileElemDownloadFlag].isUInt() || !elem[kTIMFileElemBusinessId].isUInt())
        return "the element has not got what a download needs: " + sent.json();
    id = elem[kTIMFileElemFileId].asString();
    url = elem[kTIMFileElemUrl].asString();
    flag = elem[kTIMFileElemDownloadFlag].asUInt();
    business_id = elem[kTIMFileElemBusinessId].asUInt();
    return "";
}

/* Ours: whether a download's callback is its last: an error, or all of it is there. */
bool is_last(int32_t code, const char *json_param)
{
    Json::Value result;
    if (code != ERR_SUCC || !json_param || !parse(json_param, &result) || !result.isObject()) return true;
    const Json::Value &current = result[kTIMMsgDownloadElemResultCurrentSize];
    const Json::Value &total = result[kTIMMsgDownloadElemResultTotalSize];
    if (!current.isUInt64() || !total.isUInt64()) return true;
    return total.asUInt64() > 0 && current.asUInt64() == total.asUInt64();
}

std::string Examples::download_elem_to_path()
{
    static Outcome downloaded;

    std::string wrong = send_file();
    if (!wrong.empty()) return "send: " + wrong;

    Json::Value download_param;
    download_param[kTIMMsgDownloadElemParamFlag] = flag;
    download_param[kTIMMsgDownloadElemParamType] = type;
    download_param[kTIMMsgDownloadElemParamId] = id;
    download_param[kTIMMsgDownloadElemParamBusinessId] = business_id;
    download_param[kTIMMsgDownloadElemParamUrl] = url;

    TIMMsgDownloadElemToPath(
        download_param.toStyledString().c_str(), (path_ + "\\" + name).c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            if (is_last(code, json_param)) downloaded.store(code, desc, json_param, user_data); // ours
        },
        this);

    wrong = downloaded.wait(this);
    if (!wrong.empty()) return wrong;
    // The example was written on Windows; elsewhere the backslash is a part of the file's name.
    std::ifstream file(path_ + "\\" + name, std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (content != file_content) return "the file is not what was sent: '" + content + "'";
    return "";
}

std::string Examples::batch_send()
{
    static Outcome sent;

    // Constructs a text message element.
    Json::Value json_value_elem;
    json_value_elem[kTIMElemType] = TIMElemType::kTIMElem_Text;
    json_value_elem[kTIMTextElemContent] = "this is batch send msg";
    // Constructs a message.
    Json::Value json_value_msg;
    json_value_msg[kTIMMsgSender] = login_id;
    json_value_msg[kTIMMsgClientTime] = time(NULL);
    json_value_msg[kTIMMsgServerTime] = time(NULL);
    json_value_msg[kTIMMsgElemArray].append(json_value_elem);

    // Constructs an ID array for batch sending.
    Json::Value json_value_ids(Json::arrayValue);
    json_value_ids.append("user2");
    json_value_ids.append("user3");
    // Constructs parameters of the API for batch sending.
    Json::Value json_value_batchsend;
    json_value_batchsend[kTIMMsgBatchSendParamIdentifierArray] = json_value_ids;
    json_value_batchsend[kTIMMsgBatchSendParamMsg] = json_value_msg;
    int ret = TIMMsgBatchSend(
        json_value_batchsend.toStyledString().c_str(),
        [](int32_t code, const char *desc, const char *json_param, const void *user_data) {
            sent.store(code, desc, json_param, user_data); // ours
        },
        nullptr);

    std::string wrong = compare(json_value_batchsend, R"({
       "msg_batch_send_param_identifier_array" : [ "user2", "user3" ],
       "msg_batch_send_param_msg" : {
          "message_client_time" : 1551340614,
          "message_elem_array" : [
             {
                "elem_type" : 0,
                "text_elem_content" : "this is batch send msg"
             }
          ],
          "message_sender" : "user1",
          "message_server_time" : 1551340614
       }
    })");
    if (ret != TIM_SUCC) return refused(ret);
    wrong = first(sent.wait(nullptr), wrong);
    if (!wrong.empty()) return wrong;
    Json::Value results;
    if (!parse(sent.json(), &results) || !results.isArray() || results.size() != json_value_ids.size())
        return "not a result for each: " + sent.json();
    for (Json::ArrayIndex i = 0; i < results.size(); i++) {
        if (results[i][kTIMMsgBatchSendResultIdentifier] != json_value_ids[i] ||
            results[i][kTIMMsgBatchSendResultCode].asInt() != ERR_SUCC)
            return "not sent to each: " + sent.json();
    }
    return "";
}

/* Completes an Outcome that was given as user_data. */
void store(int32_t code, const char *desc, const char *json_param, const void *user_data)
{
    static_cast<Outcome *>(const_cast<void *>(user_data))->store(code, desc, json_param, user_data);
}

/* Says that setting up failed, and returns false. On failure an Outcome may still be in use: it is never
 * freed. */
bool log_in(const char *user)
{
    Outcome *outcome = new Outcome;
    int ret = TIMLogin(user, "sig", store, outcome);
    std::string wrong = ret == TIM_SUCC ? outcome->wait(outcome) : refused(ret);
    if (wrong.empty()) {
        delete outcome;
        return true;
    }
    std::printf("login of %s: %s\n", user, wrong.c_str());
    return false;
}

bool log_out()
{
    Outcome *outcome = new Outcome;
    int ret = TIMLogout(store, outcome);
    std::string wrong = ret == TIM_SUCC ? outcome->wait(outcome) : refused(ret);
    if (wrong.empty()) {
        delete outcome;
        return true;
    }
    std::printf("logout: %s\n", wrong.c_str());
    return false;
}

/* The users that the examples send to exist from their first login; the last one stays logged in. */
bool log_users_in(const std::string &login_id)
{
    for (const char *user : {"test_win_03", "user2", "user3", "Windows-02"}) {
        if (!log_in(user) || !log_out()) return false;
    }
    return log_in(login_id.c_str());
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s DIR\n", argv[0]);
        return 2;
    }

    Json::Value config;
    config[kTIMSdkConfigConfigFilePath] = argv[1];
    int ret = TIMInit(1400000001, config.toStyledString().c_str());
    if (ret != TIM_SUCC) {
        std::printf("TIMInit: %s\n", refused(ret).c_str());
        return 1;
    }

    Examples examples(argv[1]);
    if (!log_users_in(examples.login_id)) {
        TIMUninit();
        return 1;
    }

    const struct {
        const char *name;
        std::string (Examples::*run)();
    } all[] = {
        {"TIMMsgSendNewMsg", &Examples::send_new_msg},
        {"TIMMsgRevoke", &Examples::revoke},
        {"TIMMsgFindByMsgLocatorList", &Examples::find_by_msg_locator_list},
        {"TIMMsgImportMsgList", &Examples::import_msg_list},
        {"TIMMsgGetMsgList", &Examples::get_msg_list},
        {"TIMMsgDelete", &Examples::delete_msg},
        {"TIMMsgDownloadElemToPath", &Examples::download_elem_to_path},
        {"TIMMsgBatchSend", &Examples::batch_send},
    };
    int passed = 0, failed = 0;
    for (const auto &example : all) {
        std::string wrong;
        try {
            wrong = (examples.*example.run)();
        } catch (const std::exception &e) { // a result of another shape than expected
            wrong = e.what();
        }
        std::printf("%s %s%s%s\n", wrong.empty() ? "ok  " : "FAIL", example.name, wrong.empty() ? "" : ": ",
                    wrong.c_str());
        wrong.empty() ? passed++ : failed++;
    }
    if (TIMUninit() != TIM_SUCC) {
        std::printf("FAIL TIMUninit: %s\n", timmsg_last_error());
        failed++;
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
