package io.github.wandacuda.evaluate;

import java.io.Serializable;
import java.util.List;

/**
 * A question of a task with its possible answers.
 *
 * @param place where it stands, for messages: a file and a row
 * @param choices the answers, at least two
 * @param gold the index of the right one
 * @param group the part of the task that it belongs to, such as a subject; empty if it has none
 */
record TaskDocument(String place, List<Choice> choices, int gold, String group)
    implements Serializable {
  public TaskDocument {
    choices = List.copyOf(choices);
  }

  /**
   * An answer whose log-likelihood is asked for.
   *
   * @param context the text before it
   * @param continuation the text that is scored, not empty
   * @param length characters of the answer, by which its score is divided for the normalized
   *     accuracy
   */
  public record Choice(String context, String continuation, int length) implements Serializable {
    /** Returns an answer that follows a context after a space. */
    static Choice after(String context, String answer) {
      return new Choice(context, " " + answer, PythonText.length(answer));
    }
  }
}
