package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.ErrorDetails;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Matcher;

/**
 * What a file's keys say of its model. Keys are named without the architecture, which theirs begin
 * with. A key that has another type than asked for, or a number that no model has, is an {@link
 * io.github.wandacuda.error.InputException}.
 */
final class GgufKeys {
  static final String ARCHITECTURE = "general.architecture";

  static final String BLOCK_COUNT = "block_count";
  static final String PREDICTORS = "nextn_predict_layers";
  static final String EMBEDDING = "embedding_length";
  static final String HEADS = "attention.head_count";
  static final String KEY_VALUE_HEADS = "attention.head_count_kv";
  static final String HEAD_SIZE = "attention.key_length";

  private final Path file;
  private final Map<String, GgufValue> keys;
  private final String architecture;

  /**
   * Takes a file's keys.
   *
   * @param file for messages
   * @param keys by their whole names
   * @throws io.github.wandacuda.error.InputException if they don't name the architecture
   */
  GgufKeys(Path file, Map<String, GgufValue> keys) {
    this.file = file;
    this.keys = keys;
    architecture =
        general(ARCHITECTURE)
            .flatMap(GgufValue::text)
            .orElseThrow(
                () ->
                    generalProblem(ARCHITECTURE).wrong("the architecture's name, a text", "none"));
  }

  /** Returns the architecture's name. */
  String architecture() {
    return architecture;
  }

  /**
   * Returns what the architecture is in Hugging Face's models.
   *
   * @throws io.github.wandacuda.error.InputException if it isn't known
   */
  GgufArchitecture architectureOf() {
    return GgufArchitecture.of(file, architecture, experts() > 0);
  }

  /** Returns the value of a key that isn't the architecture's, by its whole name. */
  Optional<GgufValue> general(String key) {
    return Optional.ofNullable(keys.get(key));
  }

  Optional<GgufValue> find(String key) {
    return general(name(key));
  }

  /** Returns a key's whole name. */
  String name(String key) {
    return architecture + "." + key;
  }

  ErrorDetails problem(String key) {
    return generalProblem(name(key));
  }

  /** Returns what names a key in a message, by its whole name. */
  ErrorDetails generalProblem(String key) {
    return ErrorDetails.part(file, "key " + key);
  }

  /** Returns a whole number, also where each block has one and all are the same. */
  OptionalLong whole(String key) {
    Optional<GgufValue> value = find(key);
    if (value.isEmpty()) {
      return OptionalLong.empty();
    }
    OptionalLong number = same(key, value.get());
    if (number.isEmpty() || number.getAsLong() < 0) {
      throw problem(key)
          .wrong(
              "one whole number for all blocks",
              number.isPresent() ? number.getAsLong() : value.get().what());
    }
    return number;
  }

  /** Returns a whole number, of an array that which all blocks have; nothing of other values. */
  OptionalLong same(String key, GgufValue value) {
    if (!value.isArray() || key.equals(BLOCK_COUNT)) {
      return value.number();
    }
    long blocks = needed(BLOCK_COUNT);
    if (value.count() != blocks) {
      throw problem(key).wrong("%d numbers, one for each block".formatted(blocks), value.count());
    }
    return value.same();
  }

  double real(String key, double otherwise) {
    return find(key).map(GgufValue::real).orElse(OptionalDouble.empty()).orElse(otherwise);
  }

  long needed(String key) {
    return whole(key).orElseThrow(() -> problem(key).wrong("a whole number", "none"));
  }

  /** Checks a number that a key has, or that follows from others. */
  long positive(String key, long number) {
    if (number < 1) {
      throw problem(key).wrong("a positive whole number", number);
    }
    return number;
  }

  /** Returns how many blocks there are, those that predict further tokens among them. */
  long allBlocks() {
    return needed(BLOCK_COUNT);
  }

  /** Returns how many decoder blocks there are, which come first. */
  long blocks() {
    return allBlocks() - whole(PREDICTORS).orElse(0);
  }

  /**
   * Checks that each decoder block has tensors, and that no tensor is of a block behind the last
   * one. So no number of blocks is more than the file has tensors.
   *
   * @param tensors the names of all of the model's tensors
   */
  void requireBlocks(Set<String> tensors) {
    SortedSet<Integer> found = new TreeSet<>();
    for (String tensor : tensors) {
      Matcher name = GgufViews.IN_BLOCK.matcher(tensor);
      if (name.matches()) {
        found.add(Integer.parseInt(name.group(1)));
      }
    }
    long blocks = blocks();
    boolean each =
        blocks > 0
            && blocks <= found.size()
            && found.headSet(Math.toIntExact(blocks)).size() == blocks;
    if (!each || found.last() >= allBlocks()) {
      throw problem(BLOCK_COUNT)
          .wrong(
              found.isEmpty()
                  ? "blocks, and tensors of them"
                  : "as many blocks as there are tensors of, numbered 0 to " + found.last(),
              "%d, of which %d predict further tokens"
                  .formatted(allBlocks(), allBlocks() - blocks));
    }
  }

  long heads() {
    return positive(HEADS, needed(HEADS));
  }

  long keyValueHeads() {
    OptionalLong given = whole(KEY_VALUE_HEADS);
    return given.isPresent() ? positive(KEY_VALUE_HEADS, given.getAsLong()) : heads();
  }

  long headSize() {
    return positive(HEAD_SIZE, whole(HEAD_SIZE).orElseGet(() -> needed(EMBEDDING) / heads()));
  }

  /**
   * Returns whether a key is true.
   *
   * @param key its whole name
   * @param otherwise what holds if there is no such key
   */
  boolean isTrue(String key, boolean otherwise) {
    Optional<GgufValue> value = general(key);
    if (value.isPresent() && !value.get().isTruth()) {
      throw generalProblem(key).wrong("true or false", value.get().shown());
    }
    return value.map(truth -> truth.number().orElseThrow() != 0).orElse(otherwise);
  }

  /**
   * Returns the texts of a key that has several.
   *
   * @param key its whole name
   */
  List<String> texts(String key) {
    GgufValue value =
        general(key)
            .filter(GgufValue::isArray)
            .filter(array -> array.elementType() == GgufValue.TEXT)
            .orElseThrow(
                () ->
                    generalProblem(key)
                        .wrong(
                            "an array of texts",
                            general(key).map(GgufValue::shown).orElse("none")));
    List<String> texts = new ArrayList<>();
    for (byte[] bytes : value.elements()) {
      try {
        texts.add(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString());
      } catch (CharacterCodingException e) {
        throw generalProblem(key)
            .wrong("texts in UTF-8", "other bytes at place %d".formatted(texts.size()), e);
      }
    }
    return texts;
  }

  /** Returns how many experts a mixture has; 0 if there is none. */
  long experts() {
    return whole("expert_count").orElse(0);
  }

  /**
   * Returns the numbers of a key that has one for each decoder block.
   *
   * @param key its whole name
   */
  float[] byBlock(String key) {
    long blocks = blocks();
    return general(key)
        .flatMap(GgufValue::reals)
        .filter(numbers -> numbers.length == blocks)
        .orElseThrow(
            () ->
                generalProblem(key).wrong("%d numbers as f32".formatted(blocks), "another value"));
  }
}
