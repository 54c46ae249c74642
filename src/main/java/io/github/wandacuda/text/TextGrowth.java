package io.github.wandacuda.text;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.util.ArrayList;
import java.util.List;

/**
 * Bounds how much longer the normalizer or the decoder of a {@code tokenizer.json} makes a text.
 * The native library replaces whatever it is told to: a file that puts 100,000 characters in the
 * place of each letter would have it work without end and fill the memory. Real files put one or
 * two characters in the place of one.
 */
final class TextGrowth {
  /** How many times as long a text may become as what it replaces. */
  private static final int MOST = 100;

  /** How many characters may stand in the place of anything. */
  private static final int LONGEST = 1000;

  private static final int MOST_STEPS = 1000;

  private TextGrowth() {}

  /**
   * A step that puts a text in the place of another, or in front of all.
   *
   * @param type {@code Replace} or {@code Prepend}
   * @param replaced the characters that are looked for; empty for a regular expression, and for a
   *     text in front
   * @param text what is put there
   */
  private record Step(String type, String replaced, String text) {
    /**
     * Adds the steps that put text in, in their order; a sequence's own steps come in its place.
     *
     * @param json a normalizer or decoder
     */
    static void collect(JsonNode json, List<Step> steps) {
      for (String list : List.of("normalizers", "decoders")) {
        json.path(list).forEach(each -> collect(each, steps));
      }
      String type = json.path("type").asText();
      if (type.equals("Replace")) {
        String literal = json.at("/pattern/String").asText();
        steps.add(new Step(type, literal, json.path("content").asText()));
      } else if (type.equals("Prepend")) {
        steps.add(new Step(type, "", json.path("prepend").asText()));
      }
    }

    /**
     * Returns what a text becomes by this step. What a regular expression finds isn't known: it may
     * be each character by itself.
     */
    String in(String before) {
      if (type.equals("Prepend")) {
        return before;
      }
      if (!replaced.isEmpty()) {
        return before.replace(replaced, text);
      }
      return text.length() > 1 ? text.repeat(before.length()) : before;
    }

    /**
     * Checks what becomes of this step's text by the steps after it.
     *
     * @throws InputException if it is too long
     */
    void requireBounded(ErrorDetails place, String becomes) {
      if (becomes.length() > Math.min(LONGEST, MOST * Math.max(1, replaced.length()))) {
        throw place.wrong(
            "text that becomes at most %d times as long, and %d characters at most"
                .formatted(MOST, LONGEST),
            "%d characters by %s of '%s'"
                .formatted(becomes.length(), type, Printable.of(replaced)));
      }
    }
  }

  /**
   * Checks that no step, with those after it, makes what it replaces very much longer.
   *
   * @param place the file and the part, for messages
   * @param part the normalizer or decoder
   * @throws InputException if one does, or there are too many
   */
  static void requireBounded(ErrorDetails place, JsonNode part) {
    List<Step> steps = new ArrayList<>();
    Step.collect(part, steps);
    if (steps.size() > MOST_STEPS) {
      throw place.wrong("at most %d steps that add text".formatted(MOST_STEPS), steps.size());
    }
    // Each by itself first, which bounds what their combinations take.
    steps.forEach(step -> step.requireBounded(place, step.text));
    for (int first = 0; first < steps.size(); first++) {
      String becomes = steps.get(first).text;
      for (Step next : steps.subList(first + 1, steps.size())) {
        becomes = next.in(becomes);
        steps.get(first).requireBounded(place, becomes);
      }
    }
  }
}
