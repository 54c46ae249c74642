package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.text.TokenizerSource;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.LoggerFactory;

/**
 * The keys of a tokenizer that is written in GGUF, made of a {@code tokenizer.json}: what {@link
 * GgufTokenizer} reads, the other way round.
 *
 * @param source the {@code tokenizer.json}
 * @param config the model's, with the ids of special tokens
 * @param directory with {@code tokenizer_config.json}, if there is one
 */
record GgufExportTokenizer(TokenizerSource source, JsonNode config, Path directory) {
  private static final String AGAIN = "take it again from where the model came from";
  private static final String KEYS = "tokenizer.ggml.";
  private static final Pattern ESCAPED = Pattern.compile("\\\\x\\{([0-9A-Fa-f]{1,6})}");
  private static final Pattern BYTE = Pattern.compile("<0x[0-9A-Fa-f]{2}>");
  private static final int NORMAL = 1;
  private static final int CONTROL = 3;
  private static final int USER_DEFINED = 4;
  private static final int UNUSED = 5;
  private static final int BYTE_TOKEN = 6;

  /**
   * Returns the keys.
   *
   * @param count rows of the embedding, of which each is a token; those without a text are unused
   * @throws io.github.wandacuda.error.InputException if llama.cpp has no such tokenizer
   */
  Map<String, GgufValue> keys(long count) {
    if (!source.isThere()) {
      LoggerFactory.getLogger(GgufExportTokenizer.class)
          .warn("{}: no tokenizer.json, so the file takes token ids alone", directory);
      return Map.of(KEYS + "model", GgufValue.of("none"));
    }
    return InputFile.reading(
        source.file(),
        () -> {
          JsonNode json =
              JsonTree.object(source.file(), AGAIN, new ByteArrayInputStream(source.json()));
          return keys(json, side("tokenizer_config.json"), Math.toIntExact(count));
        });
  }

  private JsonNode side(String name) {
    Path file = directory.resolve(name);
    return Files.exists(file)
        ? InputFile.reading(
            file,
            () -> JsonTree.object(file, AGAIN, new ByteArrayInputStream(InputFile.bytes(file))))
        : MissingNode.getInstance();
  }

  private ErrorDetails problem(String part) {
    return ErrorDetails.part(source.file(), part)
        .hint("a model without tokenizer.json is converted for token ids alone");
  }

  private Map<String, GgufValue> keys(JsonNode json, JsonNode settings, int count) {
    JsonNode model = json.path("model");
    if (!model.path("type").asText("BPE").equals("BPE") || !model.path("vocab").isObject()) {
      throw problem("model")
          .wrong("BPE, for GGUF", Printable.of(model.path("type").asText("none")));
    }
    String[] texts = new String[count];
    int[] kinds = new int[count];
    fill(json, texts, kinds);
    boolean pieces = model.path("byte_fallback").asBoolean(false);
    Map<String, GgufValue> keys = new LinkedHashMap<>();
    keys.put(KEYS + "model", GgufValue.of(pieces ? "llama" : "gpt2"));
    keys.put(KEYS + "pre", GgufValue.of(pieces ? "default" : preTokenizer(json)));
    keys.put(KEYS + "tokens", GgufValue.of(List.of(texts)));
    if (pieces) {
      keys.put(KEYS + "scores", GgufValue.of(scores(model, texts, kinds)));
    }
    keys.put(KEYS + "token_type", GgufValue.of(kinds));
    if (pieces) {
      if (!hasSpaceInFront(json)) {
        keys.put(KEYS + "add_space_prefix", GgufValue.of(false));
      }
    } else {
      keys.put(KEYS + "merges", GgufValue.of(merges(model)));
    }
    putSpecial(json, settings, texts, keys);
    return keys;
  }

  private void fill(JsonNode json, String[] texts, int[] kinds) {
    for (Map.Entry<String, JsonNode> token : json.path("model").path("vocab").properties()) {
      int id = id(token.getValue(), texts.length);
      texts[id] = token.getKey();
      kinds[id] = BYTE.matcher(token.getKey()).matches() ? BYTE_TOKEN : NORMAL;
    }
    for (JsonNode token : json.path("added_tokens")) {
      int id = id(token.path("id"), texts.length);
      texts[id] = token.path("content").asText();
      kinds[id] = token.path("special").asBoolean(false) ? CONTROL : USER_DEFINED;
    }
    for (int id = 0; id < texts.length; id++) {
      if (texts[id] == null) {
        texts[id] = "[PAD%d]".formatted(id);
        kinds[id] = UNUSED;
      }
    }
  }

  private int id(JsonNode id, int count) {
    if (!id.isInt() || id.intValue() < 0 || id.intValue() >= count) {
      throw problem("vocabulary")
          .wrong(
              "ids below %d, the embedding's rows".formatted(count), Printable.of(id.toString()));
    }
    return id.intValue();
  }

  /**
   * Returns scores by which SentencePiece merges in the order of the merges: minus the place of the
   * first merge that makes a piece, among those of all pieces. The others come last.
   */
  private float[] scores(JsonNode model, String[] texts, int[] kinds) {
    Map<String, Integer> ranks = new LinkedHashMap<>();
    for (String merge : merges(model)) {
      ranks.putIfAbsent(merge.replace(" ", ""), ranks.size());
    }
    for (int id = 0; id < texts.length; id++) {
      if (kinds[id] == NORMAL) {
        ranks.putIfAbsent(texts[id], ranks.size());
      }
    }
    float[] scores = new float[texts.length];
    for (int id = 0; id < texts.length; id++) {
      // No minus zero, as the first one has no rank before it.
      scores[id] = kinds[id] == NORMAL ? 0f - ranks.get(texts[id]) : 0;
    }
    return scores;
  }

  private List<String> merges(JsonNode model) {
    List<String> merges = new ArrayList<>();
    for (JsonNode merge : model.path("merges")) {
      merges.add(
          merge.isArray() ? merge.path(0).asText() + " " + merge.path(1).asText() : merge.asText());
    }
    if (merges.isEmpty()) {
      throw problem("model").wrong("merges", "none");
    }
    return merges;
  }

  private static boolean hasSpaceInFront(JsonNode json) {
    JsonNode normalizer = json.path("normalizer");
    boolean prepended = false;
    for (JsonNode step : steps(normalizer, "normalizers")) {
      prepended |= step.path("type").asText().equals("Prepend");
    }
    for (JsonNode step : steps(json.path("pre_tokenizer"), "pretokenizers")) {
      boolean spaces = step.path("type").asText().equals("Metaspace");
      prepended |= spaces && !step.path("prepend_scheme").asText("always").equals("never");
    }
    return prepended;
  }

  /** Returns the steps of a sequence, or the only one. */
  private static List<JsonNode> steps(JsonNode node, String name) {
    if (!node.isObject()) {
      return List.of();
    }
    if (!node.path("type").asText().equals("Sequence")) {
      return List.of(node);
    }
    List<JsonNode> steps = new ArrayList<>();
    node.path(name).forEach(steps::add);
    return steps;
  }

  /** Returns llama.cpp's name of what cuts a text into pieces, by its regular expressions. */
  private String preTokenizer(JsonNode json) {
    for (JsonNode step : steps(json.path("normalizer"), "normalizers")) {
      if (!step.path("type").asText().equals("NFC")) {
        throw problem("normalizer").wrong("none or NFC", Printable.of(step.path("type").asText()));
      }
    }
    List<String> split = new ArrayList<>();
    boolean bytes = false;
    for (JsonNode step : steps(json.path("pre_tokenizer"), "pretokenizers")) {
      switch (step.path("type").asText()) {
        case "Split" -> split.add(step.path("pattern").path("Regex").asText());
        case "Digits" ->
            split.add(step.path("individual_digits").asBoolean(false) ? "\\p{N}" : "\\p{N}+");
        case "ByteLevel" -> {
          bytes = true;
          if (step.path("use_regex").asBoolean(true)) {
            split.addAll(GgufPreTokenizer.all().get("gpt-2").split());
          }
        }
        default -> split.add(step.path("type").asText());
      }
    }
    boolean whole = json.path("model").path("ignore_merges").asBoolean(false);
    List<String> found = split.stream().map(GgufExportTokenizer::literal).toList();
    for (Map.Entry<String, GgufPreTokenizer> known : GgufPreTokenizer.all().entrySet()) {
      List<String> own =
          known.getValue().split().stream().map(GgufExportTokenizer::literal).toList();
      if (bytes && own.equals(found) && known.getValue().wholePieces() == whole) {
        return known.getKey();
      }
    }
    throw problem("pre_tokenizer")
        .wrong(
            "bytes of pieces that one of llama.cpp's expressions cuts",
            Printable.of(split.toString()));
  }

  /** Returns an expression with its escaped characters as themselves. */
  private static String literal(String expression) {
    return ESCAPED
        .matcher(expression)
        .replaceAll(
            code ->
                Matcher.quoteReplacement(Character.toString(Integer.parseInt(code.group(1), 16))));
  }

  private void putSpecial(
      JsonNode json, JsonNode settings, String[] texts, Map<String, GgufValue> keys) {
    OptionalInt before = around(json, texts, true);
    OptionalInt behind = around(json, texts, false);
    putId("bos", before.isPresent() ? before : named("bos", settings, texts), keys);
    putId("eos", behind.isPresent() ? behind : named("eos", settings, texts), keys);
    JsonNode unknown = json.path("model").path("unk_token");
    putId(
        "unknown",
        unknown.isTextual() ? id(unknown.asText(), texts) : named("unk", settings, texts),
        keys);
    putId("padding", named("pad", settings, texts), keys);
    keys.put(KEYS + "add_bos_token", GgufValue.of(before.isPresent()));
    keys.put(KEYS + "add_eos_token", GgufValue.of(behind.isPresent()));
    JsonNode template = settings.path("chat_template");
    Path file = directory.resolve("chat_template.jinja");
    if (template.isTextual()) {
      keys.put("tokenizer.chat_template", GgufValue.of(template.asText()));
    } else if (Files.exists(file)) {
      String text = new String(InputFile.bytes(file), StandardCharsets.UTF_8);
      keys.put("tokenizer.chat_template", GgufValue.of(text));
    }
  }

  private static void putId(String name, OptionalInt id, Map<String, GgufValue> keys) {
    if (id.isPresent()) {
      keys.put(KEYS + name + "_token_id", GgufValue.of(id.getAsInt()));
    }
  }

  /** Returns the token that is put before each text, or behind it. */
  private OptionalInt around(JsonNode json, String[] texts, boolean before) {
    for (JsonNode step : steps(json.path("post_processor"), "processors")) {
      JsonNode single = step.path("single");
      JsonNode outer = single.path(before ? 0 : single.size() - 1).path("SpecialToken");
      if (outer.isObject()) {
        return id(outer.path("id").asText(), texts);
      }
    }
    return OptionalInt.empty();
  }

  /** Returns the token that a model's settings or config have for a use. */
  private OptionalInt named(String use, JsonNode settings, String[] texts) {
    JsonNode text = settings.path(use + "_token");
    String content = text.isObject() ? text.path("content").asText() : text.asText("");
    OptionalInt found = id(content, texts);
    JsonNode id = config.path(use + "_token_id");
    JsonNode first = id.isArray() ? id.path(0) : id;
    boolean given = first.isInt() && first.intValue() >= 0 && first.intValue() < texts.length;
    return found.isPresent() || !given ? found : OptionalInt.of(first.intValue());
  }

  private static OptionalInt id(String text, String[] texts) {
    int id = text.isEmpty() ? -1 : Arrays.asList(texts).indexOf(text);
    return id < 0 ? OptionalInt.empty() : OptionalInt.of(id);
  }
}
