package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Json;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a phase found, as it goes into its file. */
final class PhaseResult {
  /** How a phase ended. */
  enum Status {
    /** All that was asked for was found. */
    DONE,
    /** Some of it is missing; its rows say why. */
    INCOMPLETE,
    /** Nothing could be run. */
    NOT_RUN,
    /** Something is wrong. */
    FAILED;

    /** Returns the name in the file. */
    String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  private final PhaseOptions options;
  private final long start = System.nanoTime();
  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<Map<String, Object>> rows = new ArrayList<>();
  private Status status = Status.DONE;
  private String reason = "";

  private PhaseResult(PhaseOptions options) {
    this.options = options;
  }

  static PhaseResult start(PhaseOptions options) {
    PhaseResult result = new PhaseResult(options);
    result.fact("phase", options.phase());
    result.fact("small", options.small());
    result.fact("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    result.fact("environment", Environment.read());
    return result;
  }

  /** Notes something about the whole phase. */
  void fact(String name, Object value) {
    facts.put(name, value);
  }

  /** Adds a row and shows it. */
  void row(Map<String, Object> row) {
    rows.add(row);
    System.out.println(row);
  }

  /** Adds a row for something that was not run, which leaves the phase incomplete. */
  void missing(Map<String, Object> row, String why) {
    Map<String, Object> added = new LinkedHashMap<>(row);
    added.put("not_run", why);
    row(added);
    if (status == Status.DONE) {
      status = Status.INCOMPLETE;
      reason = why;
    }
  }

  /** Says that nothing could be run. */
  void notRun(String why) {
    status = Status.NOT_RUN;
    reason = why;
  }

  /** Says that something is wrong; the first reason stays. */
  void failed(String why) {
    if (status != Status.FAILED) {
      status = Status.FAILED;
      reason = why;
    }
  }

  Status status() {
    return status;
  }

  /** Writes {@code <phase>.json} and shows how the phase ended. */
  void write() {
    Map<String, Object> object = new LinkedHashMap<>(facts);
    object.put("status", status.label());
    object.put("reason", reason);
    object.put("seconds", (System.nanoTime() - start) / 1e9);
    object.put("rows", rows);
    Path file = options.results().resolve(options.phase() + ".json");
    Json.write(file, object);
    System.out.printf("%s: %s %s%n", options.phase(), status.label(), reason);
  }
}
