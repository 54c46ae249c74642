package io.github.wandacuda.launcher.trust;

/**
 * Makes names of files, which other users may have chosen, safe to print in a message of one line.
 */
public final class PrintableText {
  private PrintableText() {}

  /**
   * Returns the text with a question mark for each character that is no letter, digit or printable
   * ASCII.
   */
  public static String printable(Object named) {
    StringBuilder text = new StringBuilder();
    named
        .toString()
        .codePoints()
        .map(c -> Character.isLetterOrDigit(c) || (c >= ' ' && c <= '~') ? c : '?')
        .forEach(text::appendCodePoint);
    return text.toString();
  }

  /** Returns an error as the JSON object that the program prints with {@code --json}. */
  public static String jsonError(String message, int exitCode) {
    String text = printable(message).replace("\\", "\\\\").replace("\"", "\\\"");
    return "{\"error\":\""
        + text
        + "\",\"file\":null,\"tensor\":null,\"expected\":null,\"found\":null,\"hint\":null,\"exit\":"
        + exitCode
        + "}";
  }
}
