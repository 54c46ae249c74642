package io.github.wandacuda.launcher;

/** Makes what others may have named fit for a message of one line. */
final class PrintableText {
  private PrintableText() {}

  /** The text with a question mark for all that isn't a letter, a digit or ASCII. */
  static String printable(Object named) {
    StringBuilder text = new StringBuilder();
    named
        .toString()
        .codePoints()
        .map(c -> Character.isLetterOrDigit(c) || (c >= ' ' && c <= '~') ? c : '?')
        .forEach(text::appendCodePoint);
    return text.toString();
  }

  /** An error as the object that the program prints for its own ones with {@code --json}. */
  static String jsonError(String message, int exitCode) {
    String text = printable(message).replace("\\", "\\\\").replace("\"", "\\\"");
    return "{\"error\":\""
        + text
        + "\",\"file\":null,\"tensor\":null,\"expected\":null,\"found\":null,\"hint\":null,\"exit\":"
        + exitCode
        + "}";
  }
}
