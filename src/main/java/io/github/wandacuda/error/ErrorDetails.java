package io.github.wandacuda.error;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a failure is about, part by part. The one line that people read and the object that {@code
 * --json} prints are made from it: {@code file: tensor name: part: expected this, found that;
 * hint}. Every part may be null. The methods that return details leave this object as it is.
 *
 * @param file the file or directory, as it is named to the user
 * @param tensor the tensor's full name in the file
 * @param part what else it is about: a part of the file, a place in the tensor, an option
 * @param expected what should have been there
 * @param found what is there instead
 * @param said the failure in a sentence of its own, where "expected, found" doesn't fit; takes
 *     their place in the line
 * @param hint what the user can do about it
 */
public record ErrorDetails(
    String file,
    String tensor,
    String part,
    String expected,
    String found,
    String said,
    String hint)
    implements Serializable {
  /** A failure of which nothing is known yet. */
  public static final ErrorDetails NOWHERE =
      new ErrorDetails(null, null, null, null, null, null, null);

  /**
   * Returns details that name a file or directory.
   *
   * @param file null for a file in memory, which has no name
   */
  public static ErrorDetails file(Path file) {
    return new ErrorDetails(
        file == null ? null : file.toString(), null, null, null, null, null, null);
  }

  /**
   * Returns details that name a tensor in a file.
   *
   * @param file null for a file in memory
   * @param name the tensor's full name
   */
  public static ErrorDetails tensor(Path file, String name) {
    return file(file).tensor(name);
  }

  /**
   * Returns details that name a part of a file.
   *
   * @param file null for a file in memory
   * @param name the part, as the user knows it
   */
  public static ErrorDetails part(Path file, String name) {
    return file(file).part(name);
  }

  /**
   * Returns details that name an option, or another thing that is in no file.
   *
   * @param part the thing, such as {@code `samples`}
   */
  public static ErrorDetails of(String part) {
    return new ErrorDetails(null, null, part, null, null, null, null);
  }

  /** Returns the same details of a file by another name. */
  public ErrorDetails in(String name) {
    return new ErrorDetails(name, tensor, part, expected, found, said, hint);
  }

  /** Returns the same details of a tensor. */
  public ErrorDetails tensor(String name) {
    return new ErrorDetails(file, name, part, expected, found, said, hint);
  }

  /** Returns the same details of a part of the file or a place in the tensor. */
  public ErrorDetails part(String name) {
    return new ErrorDetails(file, tensor, name, expected, found, said, hint);
  }

  /** Returns the same details with what should be there and what is. */
  public ErrorDetails expected(String expected, String found) {
    return new ErrorDetails(file, tensor, part, expected, found, said, hint);
  }

  /**
   * Returns the failure of an input that isn't what it should be.
   *
   * @param expected what should be there
   * @param found what is there; its text is quoted
   * @return the exception, for the caller to throw
   */
  public InputException wrong(String expected, Object found) {
    return new InputException(expected(expected, String.valueOf(found)));
  }

  /**
   * Returns the failure of an input that isn't what it should be.
   *
   * @param expected what should be there
   * @param found what is there; its text is quoted
   * @param cause what reading it threw
   * @return the exception, for the caller to throw
   */
  public InputException wrong(String expected, Object found, Throwable cause) {
    return new InputException(expected(expected, String.valueOf(found)), cause);
  }

  /**
   * Returns the failure of an input, told in a sentence.
   *
   * @param cause what reading it threw, or null
   * @return the exception, for the caller to throw
   */
  public InputException broken(String sentence, Throwable cause) {
    return new InputException(said(sentence), cause);
  }

  /**
   * Returns the failure of a file that ends too early, as a broken download does, with the hint to
   * fetch it again.
   *
   * @return the exception, for the caller to throw
   */
  public InputException cut(String expected, String found) {
    return hint("it was cut short: copy or download it again").wrong(expected, found);
  }

  /**
   * Returns the failure of a request whose setting isn't what it should be.
   *
   * @param expected what may be asked for
   * @param found what was asked for; its text is quoted
   * @return the exception, for the caller to throw
   */
  public UsageException refused(String expected, Object found) {
    return new UsageException(expected(expected, String.valueOf(found)));
  }

  /**
   * Returns the failure of a request, told in a sentence.
   *
   * @return the exception, for the caller to throw
   */
  public UsageException refused(String sentence) {
    return new UsageException(said(sentence));
  }

  /**
   * Returns the failure of a request whose setting isn't what it should be.
   *
   * @param expected what may be asked for
   * @param found what was asked for; its text is quoted
   * @param cause what reading it threw
   * @return the exception, for the caller to throw
   */
  public UsageException refused(String expected, Object found, Throwable cause) {
    return new UsageException(expected(expected, String.valueOf(found)), cause);
  }

  /**
   * Returns the failure of a place to write to that isn't what it should be.
   *
   * @param expected what should be there
   * @param found what is there; its text is quoted
   * @return the exception, for the caller to throw
   */
  public OutputException unwritable(String expected, Object found) {
    return new OutputException(expected(expected, String.valueOf(found)), null);
  }

  /**
   * Returns the same details with a sentence, which takes the place of "expected, found" in the
   * line.
   */
  public ErrorDetails said(String sentence) {
    return new ErrorDetails(file, tensor, part, expected, found, sentence, hint);
  }

  /**
   * Returns the same details with a hint.
   *
   * @param hint what the user can do about it, or null
   */
  public ErrorDetails hint(String hint) {
    return new ErrorDetails(file, tensor, part, expected, found, said, hint);
  }

  /**
   * Returns the failure on one line: its parts with colons between them, and the hint behind a
   * semicolon. What names from outside contain is made printable.
   */
  public String line() {
    String place =
        Stream.of(
                file == null ? null : Printable.path(file),
                tensor == null ? null : "tensor " + Printable.of(tensor),
                part,
                sentence())
            .filter(Objects::nonNull)
            .collect(Collectors.joining(": "));
    return Printable.message(hint == null ? place : place + "; " + hint);
  }

  private String sentence() {
    if (said != null || expected == null) {
      return said;
    }
    return "expected %s, found %s".formatted(expected, found);
  }
}
