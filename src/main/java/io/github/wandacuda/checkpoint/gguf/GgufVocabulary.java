package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.Printable;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * A tokenizer's tokens: the keys {@code tokenizer.ggml.tokens}, {@code .scores} and {@code
 * .token_type}, each with a value for each token id, and those that name a token by its id. A key
 * that is missing or contradicts another is an {@link io.github.wandacuda.error.InputException}.
 */
final class GgufVocabulary {
  static final String TOKENS = "tokenizer.ggml.tokens";

  private static final String SCORES = "tokenizer.ggml.scores";
  private static final String KINDS = "tokenizer.ggml.token_type";

  /** A piece of text. */
  private static final int NORMAL = 1;

  private static final int UNKNOWN = 2;

  /** Not text, such as the beginning of one. */
  private static final int CONTROL = 3;

  /** A text that is always one token. */
  private static final int USER_DEFINED = 4;

  private final GgufKeys keys;
  private final List<String> texts;
  private final long[] kinds;

  /** The ids of all tokens but empty ones, by their texts, in the order of ids. */
  private final Map<String, Integer> ids = new LinkedHashMap<>();

  GgufVocabulary(GgufKeys keys) {
    this.keys = keys;
    texts = keys.texts(TOKENS);
    for (int id = 0; id < texts.size(); id++) {
      if (texts.get(id).isEmpty()) {
        continue;
      }
      Integer other = ids.put(texts.get(id), id);
      if (other != null) {
        throw keys.generalProblem(TOKENS)
            .wrong(
                "tokens that differ",
                "%s with the ids %d and %d".formatted(Printable.of(texts.get(id)), other, id));
      }
    }
    kinds = kinds();
  }

  private long[] kinds() {
    Optional<GgufValue> value = keys.general(KINDS);
    if (value.isEmpty()) {
      long[] normal = new long[texts.size()];
      Arrays.fill(normal, NORMAL);
      return normal;
    }
    return value
        .flatMap(GgufValue::numbers)
        .filter(numbers -> numbers.length == texts.size())
        .orElseThrow(() -> notOneEach(KINDS, "whole numbers", value.get()));
  }

  /**
   * Returns the tokens' scores by their ids, all 0 if the file has none.
   *
   * @return finite numbers
   */
  float[] scores() {
    Optional<GgufValue> value = keys.general(SCORES);
    if (value.isEmpty()) {
      return new float[texts.size()];
    }
    float[] scores =
        value
            .flatMap(GgufValue::reals)
            .filter(numbers -> numbers.length == texts.size())
            .orElseThrow(() -> notOneEach(SCORES, "numbers as f32", value.get()));
    for (int id = 0; id < scores.length; id++) {
      if (!Float.isFinite(scores[id])) {
        throw keys.generalProblem(SCORES)
            .wrong("finite numbers", "%s for token %d".formatted(scores[id], id));
      }
    }
    return scores;
  }

  private RuntimeException notOneEach(String key, String what, GgufValue found) {
    return keys.generalProblem(key)
        .wrong(
            "%d %s, one for each token".formatted(texts.size(), what),
            found.isArray() && found.count() != texts.size()
                ? String.valueOf(found.count())
                : "another value");
  }

  /** Returns the ids of all tokens but empty ones, by their texts, in the order of ids. */
  Map<String, Integer> ids() {
    return ids;
  }

  String text(int id) {
    return texts.get(id);
  }

  /** Returns whether a token is made of others by merging them. */
  boolean isNormal(int id) {
    return kinds[id] == NORMAL;
  }

  /** Returns whether a token's text is that token wherever it stands, whatever is around it. */
  boolean isWhole(int id) {
    return isSpecial(id) || kinds[id] == USER_DEFINED;
  }

  /** Returns whether a token isn't text. */
  boolean isSpecial(int id) {
    return kinds[id] == CONTROL || isUnknown(id);
  }

  private boolean isUnknown(int id) {
    return kinds[id] == UNKNOWN;
  }

  /** Returns the first token that stands for what no token is for. */
  OptionalInt unknown() {
    return ids.values().stream().mapToInt(id -> id).filter(this::isUnknown).findFirst();
  }

  /**
   * Returns the id that a key names.
   *
   * @param key its whole name
   * @param otherwise the id if there is no such key
   * @return nothing if there is no such key, and no token with the other id
   */
  OptionalInt named(String key, OptionalInt otherwise) {
    Optional<GgufValue> value = keys.general(key);
    if (value.isEmpty()) {
      return otherwise.isPresent() && isId(otherwise.getAsInt()) ? otherwise : OptionalInt.empty();
    }
    OptionalLong id = value.get().number();
    if (id.isEmpty() || !isId(id.getAsLong())) {
      throw keys.generalProblem(key)
          .wrong("the id of one of %d tokens".formatted(ids.size()), value.get().shown());
    }
    return OptionalInt.of((int) id.getAsLong());
  }

  /** Returns whether a token has an id, and a text. */
  private boolean isId(long id) {
    return id >= 0 && id < texts.size() && !texts.get((int) id).isEmpty();
  }
}
