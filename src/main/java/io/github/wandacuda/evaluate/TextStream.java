package io.github.wandacuda.evaluate;

import io.github.wandacuda.text.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * The text of tokens as they come. A token's text hangs on those before it: byte-level tokens may
 * be parts of a character, and a space before the first token of a text is left out by many
 * tokenizers. So the last tokens are decoded with and without the new one, and the difference is
 * its text; what ends within a character waits for the rest.
 */
public final class TextStream {
  /** How many tokens of the prompt, about, the first new one is decoded with. */
  private static final int BEFORE = 5;

  private static final String UNFINISHED = "\uFFFD";

  private final Tokenizer tokenizer;
  private final List<Integer> ids = new ArrayList<>();

  /** Where in the ids the tokens begin that are still decoded. */
  private int from;

  /** Behind which of the ids no text was returned yet. */
  private int shown;

  /**
   * Begins behind a prompt, whose own text isn't returned.
   *
   * @param prompt its ids; perhaps none
   */
  public TextStream(Tokenizer tokenizer, int[] prompt) {
    this.tokenizer = tokenizer;
    for (int id : prompt) {
      ids.add(id);
    }
    shown = ids.size();
    from = Math.max(0, shown - BEFORE);
    while (from > 0 && decode(shown).startsWith(UNFINISHED)) {
      from--;
    }
  }

  /**
   * Returns the text of tokens behind a prompt, all at once.
   *
   * @param prompt its ids, whose text isn't returned
   */
  public static String of(Tokenizer tokenizer, int[] prompt, List<Integer> tokens) {
    TextStream stream = new TextStream(tokenizer, prompt);
    StringBuilder text = new StringBuilder();
    tokens.forEach(id -> text.append(stream.add(id)));
    return text.append(stream.end()).toString();
  }

  /**
   * Takes the next token, and returns the text that it completes; empty if that ends within a
   * character.
   */
  public String add(int id) {
    ids.add(id);
    String text = added();
    if (text.isEmpty() || text.endsWith(UNFINISHED)) {
      return "";
    }
    from = shown;
    shown = ids.size();
    return text;
  }

  /** Returns what was waiting for the rest of a character, after the last token. */
  public String end() {
    String text = added();
    shown = ids.size();
    return text;
  }

  private String added() {
    String before = decode(shown);
    String all = decode(ids.size());
    return all.length() > before.length() ? all.substring(before.length()) : "";
  }

  private String decode(int end) {
    return tokenizer.decode(ids.subList(from, end).stream().mapToInt(id -> id).toArray());
  }
}
