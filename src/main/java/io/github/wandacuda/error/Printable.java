package io.github.wandacuda.error;

import java.io.EOFException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.NotLinkException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Makes text that came from outside fit for a one-line message: names in a checkpoint, file names,
 * what another library says. Line breaks, control, formatting and unassigned characters become
 * escapes, and what is too long is cut.
 */
public final class Printable {
  private static final int LONGEST_TEXT = 200;
  private static final int LONGEST_PATH = 4096;
  private static final int LONGEST_MESSAGE = 20_000;
  private static final Pattern UNPRINTABLE =
      Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Cs}\\p{Co}\\p{Cn}]");

  /** How a text begins that {@link Throwable#toString} made. */
  private static final Pattern KIND =
      Pattern.compile("^(?:[a-z]\\w*\\.)+([A-Z][\\w$]*(?:Exception|Error))(?::\\s+|$)");

  /** Where a word ends in the name of a class. */
  private static final Pattern WORD_END =
      Pattern.compile("(?<=[a-z\\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])");

  private Printable() {}

  /** Returns a text from outside on one line, cut after 200 characters. */
  public static String of(String text) {
    return printable(text, LONGEST_TEXT);
  }

  /** Returns a path on one line, cut after 4,096 characters. */
  public static String of(Path path) {
    return path(path.toString());
  }

  /** Returns a path's text on one line, cut after 4,096 characters. */
  static String path(String path) {
    return printable(path, LONGEST_PATH);
  }

  /** Returns a line of any length, its line breaks as escapes. */
  public static String line(String line) {
    boolean plain = line.chars().allMatch(character -> character >= ' ' && character < 0x7f);
    return plain ? line : printable(line, Integer.MAX_VALUE);
  }

  /**
   * Returns why the system could not read or write a file, in words that follow the file's name, on
   * one line.
   */
  public static String reason(IOException e) {
    return switch (e) {
      case NoSuchFileException missing -> "no such file or folder";
      case AccessDeniedException denied -> "permission denied";
      case NotDirectoryException file -> "not a folder";
      case DirectoryNotEmptyException full -> "a folder that isn't empty";
      case NotLinkException other -> "no symbolic link";
      case ClosedChannelException closed -> "it was closed meanwhile";
      case ConnectException none when none.getMessage() == null -> "nothing answers there";
      case UnknownHostException unknown -> said("unknown host", unknown.getMessage());
      case EOFException end when end.getMessage() == null -> "it ends early";
      case FileAlreadyExistsException there -> "there is one already";
      case FileSystemLoopException loop -> "its links lead in a circle";
      case CharacterCodingException coding -> "not UTF-8";
      case FileSystemException system -> said(system, system.getReason());
      default -> said(e, e.getLocalizedMessage());
    };
  }

  /** Puts a name behind a word, unless there is none. */
  private static String said(String what, String of) {
    return of == null || of.isBlank() ? what : what + " " + of(of.strip());
  }

  /**
   * Returns what a failure says, for a line of our own. Names of exception classes are left out,
   * since they would tell a user nothing.
   *
   * @return the first line of its message; without one, that of its cause; else its kind in words
   */
  public static String firstLine(Throwable e) {
    return said(e, e.getMessage());
  }

  private static String said(Throwable e, String message) {
    String own = message == null ? "" : message.strip();
    Throwable cause = e.getCause();
    if (cause != null && (own.isEmpty() || own.equals(cause.toString().strip()))) {
      return cause instanceof IOException system ? reason(system) : firstLine(cause);
    }
    String line = own.lines().findFirst().orElse("").strip();
    String name = e.getClass().getSimpleName();
    for (Matcher kind = KIND.matcher(line); kind.find(); kind = KIND.matcher(line)) {
      name = kind.group(1);
      line = line.substring(kind.end());
    }
    return line.isEmpty() ? words(name) : of(line);
  }

  /**
   * Splits the name of an exception class into words, such as "illegal state".
   *
   * @return "no reason is given" if the name is a single word
   */
  private static String words(String name) {
    String kind = name.substring(name.lastIndexOf('$') + 1).replaceFirst("(Exception|Error)$", "");
    String words = WORD_END.matcher(kind).replaceAll(" ").toLowerCase(Locale.ROOT);
    return words.contains(" ") ? words : "no reason is given";
  }

  /**
   * Returns each character of a text as an escape, backslash, u and four hex digits; two for a
   * character beyond U+FFFF, as in JSON.
   */
  public static String escape(String text) {
    StringBuilder out = new StringBuilder();
    text.chars().forEach(unit -> out.append(String.format("\\u%04x", unit)));
    return out.toString();
  }

  /** Returns a message on one line, its line breaks as spaces, cut after 20,000 characters. */
  public static String message(String message) {
    return printable(message.replaceAll("\\s*[\\r\\n]+\\s*", " "), LONGEST_MESSAGE);
  }

  private static String printable(String text, int longest) {
    int end = Math.min(text.length(), longest);
    if (end < text.length() && Character.isSurrogatePair(text.charAt(end - 1), text.charAt(end))) {
      end++;
    }
    String printable =
        UNPRINTABLE
            .matcher(text.substring(0, end))
            .replaceAll(found -> Matcher.quoteReplacement(escape(found.group())));
    return end < text.length() ? printable + "..." : printable;
  }
}
