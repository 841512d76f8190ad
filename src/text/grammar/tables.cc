#include <array>

#include "typetally/text/grammar.h"

namespace typetally {
namespace {

constexpr auto kDesc = TokenType::kDesc;
constexpr auto kCoord = TokenType::kCoord;

const char* const kCoordToken = "<|coord_{1,4}|>";
const char* const kPlainToken = "<{1,4}>";
const char* const kLocToken = "<loc{4}>";
const char* const kLocUnderscoreToken = "<loc_{1,4}>";

Grammar coordjson() {
  return {.name = "coordjson",
          .summary = "JSON whose coordinates are tokens <|coord_k|> (CoordExp)",
          .example = R"({"objects": [{"desc": "red kettle", "bbox_2d": [<|coord_104|>, <|coord_77|>, <|coord_398|>, )"
                     R"(<|coord_512|>]}]})",
          .layout = {Layout::kJson},
          .atoms = {kCoordToken}};
}

Grammar json() {
  return {.name = "json",
          .summary = "JSON objects with a description and a box each (Qwen2.5-VL, Qwen3-VL, Gemini)",
          .example = "```json\n[{\"bbox_2d\": [74, 631, 465, 1138], \"label\": \"chair\"}]\n```",
          .layout = {Layout::kJson}};
}

Grammar qwen2vl() {
  return {.name = "qwen2vl",
          .summary = "descriptions, boxes and quads between barred tags (Qwen2-VL, OS-Atlas, Rex-Omni)",
          .example = "<|object_ref_start|>a dog<|object_ref_end|><|box_start|>(221,423),(569,886)<|box_end|>",
          .delimiters = {{"<|object_ref_start|>", "<|object_ref_end|>", kDesc},
                         {"<|box_start|>", "<|box_end|>", kCoord},
                         {"<|quad_start|>", "<|quad_end|>", kCoord}},
          .atoms = {kPlainToken, kCoordToken}};
}

Grammar ref_box() {
  return {.name = "ref_box",
          .summary = "<ref> and <box> elements (Qwen-VL, InternVL, MiniCPM-V, ASMv2)",
          .example = "<ref>circle</ref><box>[[278,24,354,100]]</box>",
          .delimiters = {{"<ref>", "</ref>", kDesc},
                         {"<pred>", "</pred>", kDesc},
                         {"<box>", "</box>", kCoord},
                         {"<quad>", "</quad>", kCoord},
                         {"<poly>", "</poly>", kCoord},
                         {"<point>", "</point>", kCoord}},
          .atoms = {kPlainToken, kCoordToken}};
}

Grammar deepseek() {
  return {.name = "deepseek",
          .summary = "<|ref|> and <|det|> tags (DeepSeek-VL2, DeepSeek-OCR)",
          .example = "<|ref|>The giraffe at the back.<|/ref|><|det|>[[580, 270, 999, 900]]<|/det|>",
          .delimiters = {{"<|ref|>", "<|/ref|>", kDesc},
                         {"<|det|>", "<|/det|>", kCoord},
                         {"<|grounding|>", "", TokenType::kFormat}},
          .atoms = {kPlainToken}};
}

Grammar paligemma() {
  return {.name = "paligemma",
          .summary = "location tokens before each label (PaliGemma)",
          .example = "<loc0256><loc0256><loc0768><loc0768> cat ; <loc0100><loc0120><loc0300><loc0400> dog",
          .atoms = {kLocToken},
          .separators = ";"};
}

Grammar florence2() {
  return {.name = "florence2",
          .summary = "location tokens after each label (Florence-2)",
          .example = "car<loc_53><loc_334><loc_933><loc_775>door handle<loc_425><loc_504><loc_474><loc_516>",
          .atoms = {kLocUnderscoreToken}};
}

Grammar points() {
  return {.name = "points",
          .summary = "point elements with coordinates in attributes (Molmo, Molmo2)",
          .example = "Counting the <points x1=\"9.1\" y1=\"11.7\" x2=\"17.2\" y2=\"41.3\" alt=\"boats\">boats</points>",
          .delimiters = {{"<point>", "</point>", kCoord},
                         {"<points>", "</points>", kCoord},
                         {"<tracks>", "</tracks>", kCoord}},
          .keys = GrammarKeys{.desc = {"alt", "label"}, .coord = {"x#", "y#"}, .tracks = {"coords"}}};
}

Grammar ui_actions() {
  return {.name = "ui_actions",
          .summary = "thoughts and calls that act on a screen (UI-TARS, OS-Atlas, pyautogui)",
          .example = "Thought: open the menu\nAction: click(start_box='(177,549)')",
          .layout = {Layout::kCalls},
          .delimiters = {{"<|box_start|>", "<|box_end|>", kCoord},
                         {"<point>", "</point>", kCoord},
                         {"<box>", "</box>", kCoord},
                         {"<bbox>", "</bbox>", kCoord}},
          .atoms = {kCoordToken},
          .keys = GrammarKeys{.desc = {"content", "text", "message", "answer", "response"},
                              .coord = {"x#",
                                        "y#",
                                        "start_box",
                                        "end_box",
                                        "box#",
                                        "bbox",
                                        "point#",
                                        "start_point",
                                        "end_point",
                                        "position",
                                        "pos",
                                        "coordinate",
                                        "coordinates",
                                        "coords",
                                        "start",
                                        "end",
                                        "from",
                                        "to",
                                        "start_x",
                                        "start_y",
                                        "end_x",
                                        "end_y",
                                        "start_position",
                                        "end_position",
                                        "start_coordinate",
                                        "end_coordinate",
                                        "xy",
                                        "location"}},
          .labels = {"thought", "thoughts", "action", "actions", "reflection", "observation", "plan", "action_summary",
                     "status", "grounded operation"},
          .verbs = {"click",       "left_click",   "right_click", "double_click", "middle_click", "triple_click",
                    "left_double", "right_single", "rightclick",  "doubleclick",  "middleclick",  "tripleclick",
                    "long_click",  "long_press",   "tap",         "double_tap",   "drag",         "drag_to",
                    "dragto",      "dragrel",      "swipe",       "move_to",      "moveto",       "moverel",
                    "mousedown",   "mouseup",      "hover",       "scroll",       "hscroll",      "vscroll",
                    "type",        "write",        "typewrite",   "input",        "input_text",   "hotkey",
                    "press",       "key",          "keypress",    "keydown",      "keyup",        "wait",
                    "finished",    "finish",       "complete",    "enter",        "press_back",   "press_home",
                    "press_enter", "press_recent", "mobile.back", "mobile.home",  "impossible",   "open_app",
                    "call_user",   "answer",       "respond",     "say",          "select",       "select_option",
                    "terminate",   "stop",         "screenshot"},
          .said = {"type", "write", "typewrite", "input", "input_text", "answer", "respond", "say", "finished"}};
}

Grammar brackets() {
  return {.name = "brackets",
          .summary = "numbers in brackets within sentences (Shikra, CogVLM, GLM-4.5V, Kimi-VL)",
          .example = "A man[0.602,0.296,0.776,0.710] in a white jacket[0.604,0.326,0.780,0.480]",
          .layout = {Layout::kBrackets}};
}

}  // namespace

std::span<const Grammar> grammars() {
  static const std::array tables = {coordjson(), json(),      qwen2vl(),   points(),     ref_box(),
                                    deepseek(),  paligemma(), florence2(), ui_actions(), brackets()};
  return tables;
}

std::string_view name(Layout layout) {
  switch (layout) {
    case Layout::kJson:
      return "json";
    case Layout::kTags:
      return "tags";
    case Layout::kBrackets:
      return "brackets";
    case Layout::kCalls:
      return "calls";
  }
  return "";
}

}  // namespace typetally
