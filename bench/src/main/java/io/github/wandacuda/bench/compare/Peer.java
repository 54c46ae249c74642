package io.github.wandacuda.bench.compare;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A Python script of {@code bench/peers} that stays ready between measurements: it gets a command a
 * line and answers with a line of JSON. Its first line says what it runs with, or what is missing.
 */
final class Peer implements AutoCloseable {
  private final String script;
  private final Process process;
  private final PrintWriter commands;
  private final BufferedReader answers;
  private final Map<String, Object> facts = new LinkedHashMap<>();

  /**
   * Starts a script.
   *
   * @param python the interpreter
   * @param environment variables for it
   * @throws NotRunException if something that it needs is missing
   */
  Peer(String python, Path script, List<String> arguments, Map<String, String> environment) {
    this.script = script.getFileName().toString();
    List<String> command = new ArrayList<>(List.of(python, script.toString()));
    command.addAll(arguments);
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
      builder.environment().putAll(environment);
      process = builder.start();
    } catch (IOException e) {
      throw new NotRunException("no Python: " + e.getMessage());
    }
    commands = new PrintWriter(process.getOutputStream(), true, StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
    JsonNode first = answer();
    if (first.has("missing")) {
      close();
      throw new NotRunException(first.get("missing").asText());
    }
    first.properties().forEach(fact -> facts.put(fact.getKey(), fact.getValue().asText()));
  }

  /** Returns the versions of what the script runs with. */
  Map<String, Object> facts() {
    return facts;
  }

  /** Returns its work: {@code run N}. */
  Work work() {
    return times -> ask("run " + times).required("seconds").doubleValue();
  }

  /** Sends a command and waits for its answer. */
  JsonNode ask(String command) {
    commands.println(command);
    return answer();
  }

  private JsonNode answer() {
    try {
      String line = answers.readLine();
      if (line == null) {
        throw new IllegalStateException(script + " ended without an answer");
      }
      return Json.parse(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Ends the script, which reads to the end of its input. */
  @Override
  public void close() {
    commands.close();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
