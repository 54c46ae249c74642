package io.github.wandacuda.error;

import java.io.Serializable;
import java.nio.file.Path;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * What a failure is about, part by part. The one line that people read is made from it, and the
 * object that {@code --json} prints: {@code file: tensor name: part: expected this, found that;
 * hint}. Every part may be null.
 *
 * @param part what else it is about: a part of the file, a place in the tensor, an option
 * @param said the failure in a sentence of its own, where "expected, found" doesn't fit
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

  /** Returns the failure of a file or directory, or, without a path, of a file in memory. */
  public static ErrorDetails file(Path file) {
    return new ErrorDetails(
        file == null ? null : file.toString(), null, null, null, null, null, null);
  }

  /** Returns the failure of a tensor in a file, or, without a path, in memory. */
  public static ErrorDetails tensor(Path file, String name) {
    return file(file).tensor(name);
  }

  /** Returns the failure of a part of a file, or, without a path, of memory. */
  public static ErrorDetails part(Path file, String name) {
    return file(file).part(name);
  }

  /** Returns the failure of an option, or of another thing that is in no file. */
  public static ErrorDetails of(String part) {
    return new ErrorDetails(null, null, part, null, null, null, null);
  }

  /** Returns the same of a file by another name. */
  public ErrorDetails in(String name) {
    return new ErrorDetails(name, tensor, part, expected, found, said, hint);
  }

  public ErrorDetails tensor(String name) {
    return new ErrorDetails(file, name, part, expected, found, said, hint);
  }

  /** Returns the same of a part of the file or a place in the tensor. */
  public ErrorDetails part(String name) {
    return new ErrorDetails(file, tensor, name, expected, found, said, hint);
  }

  public ErrorDetails expected(String expected, String found) {
    return new ErrorDetails(file, tensor, part, expected, found, said, hint);
  }

  /** Returns the failure of what is read, by what should be there and what is. */
  public InputException wrong(String expected, Object found) {
    return new InputException(expected(expected, String.valueOf(found)));
  }

  public InputException wrong(String expected, Object found, Throwable cause) {
    return new InputException(expected(expected, String.valueOf(found)), cause);
  }

  /** Returns the failure of what is read, in a sentence. */
  public InputException broken(String sentence, Throwable cause) {
    return new InputException(said(sentence), cause);
  }

  /** Returns the failure of a file that ends too early, as a broken download does. */
  public InputException cut(String expected, String found) {
    return hint("it was cut short: copy or download it again").wrong(expected, found);
  }

  /** Returns the failure of what is asked for, by what it should be and what it is. */
  public UsageException refused(String expected, Object found) {
    return new UsageException(expected(expected, String.valueOf(found)));
  }

  /** Returns the failure of what is asked for, in a sentence. */
  public UsageException refused(String sentence) {
    return new UsageException(said(sentence));
  }

  public UsageException refused(String expected, Object found, Throwable cause) {
    return new UsageException(expected(expected, String.valueOf(found)), cause);
  }

  /** Returns the failure of what is written, by what it should be and what it is. */
  public OutputException unwritable(String expected, Object found) {
    return new OutputException(expected(expected, String.valueOf(found)), null);
  }

  /** Returns the same with a sentence in the place of what was expected and found. */
  public ErrorDetails said(String sentence) {
    return new ErrorDetails(file, tensor, part, expected, found, sentence, hint);
  }

  /** Returns the same with what to do about it. */
  public ErrorDetails hint(String hint) {
    return new ErrorDetails(file, tensor, part, expected, found, said, hint);
  }

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
