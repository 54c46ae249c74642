package io.github.wandacuda.testing;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * How a program ended.
 *
 * @param exitCode what it ended with, 128 more than the number of a signal that ended it
 * @param out its stdout
 * @param err its stderr
 */
public record Ended(int exitCode, String out, String err) {
  /** Returns all that it wrote. */
  public String said() {
    return out + err;
  }

  /** Returns its stdout as the object that it is. */
  public JsonNode json() {
    try {
      return JsonMapper.builder().build().readTree(out);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Returns the lines of its stderr. */
  public List<String> errorLines() {
    return err.lines().toList();
  }

  /** Returns the lines that say what went wrong. */
  public List<String> errors() {
    return err.lines().filter(line -> line.startsWith("wanda-cuda: ")).toList();
  }

  /** Expects a success. */
  public Ended succeeds() {
    return endsWith(0);
  }

  /** Expects an exit code. */
  public Ended endsWith(int expected) {
    assertThat(exitCode).as(said()).isEqualTo(expected);
    return this;
  }

  /** Expects a failure, and what stderr says of it. */
  public Ended fails(int expected, String... said) {
    endsWith(expected);
    assertThat(err).contains(said);
    return this;
  }

  /** Expects a failure, and one line that says what went wrong. */
  public Ended isRefused(int expected, String... said) {
    endsWith(expected);
    assertThat(errors()).as(err).singleElement().asString().contains(said);
    return this;
  }
}
