package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * What a phase found, as it goes into its file. That is written whenever something begins or ends,
 * so that a process that is killed leaves its rows and the name of what it was at. The next process
 * takes the rows of one that was not done.
 */
final class PhaseResult {
  private static final String UNFINISHED = "unfinished";
  private static final String NOT_RUN = "not_run";
  private static final String PROBLEM = "problem";
  private static final long LOOK_MILLIS = 100;

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

  /**
   * What is being run.
   *
   * @param hangs is told why, if it is stopped
   */
  private record Running(String name, Consumer<String> hangs, Deadline deadline) {}

  private final PhaseOptions options;
  private final long start = System.nanoTime();
  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<Object> rows = new ArrayList<>();
  private final List<JsonNode> earlier = new ArrayList<>();
  private double earlierSeconds;
  private List<Map<String, Object>> soFar = List.of();
  private Running running;
  private boolean unfinished;
  private Status status = Status.DONE;
  private String reason = "";

  private PhaseResult(PhaseOptions options) {
    this.options = options;
  }

  static PhaseResult start(PhaseOptions options) {
    PhaseResult result = new PhaseResult(options);
    result.fact("phase", options.phase());
    result.fact("small", options.small());
    result.fact("bundle", options.bundle());
    result.fact("started", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    result.fact("environment", Environment.read());
    result.readEarlier();
    result.writeUnfinished();
    Thread.ofPlatform().daemon().start(result::watch);
    return result;
  }

  /** Takes what this bundle found before, if it was on this machine and not all. */
  private void readEarlier() {
    if (!options.hasSlices() || !Files.exists(file())) {
      return;
    }
    JsonNode before = Json.read(file());
    JsonNode now = Json.tree(facts);
    boolean same =
        List.of("small", "bundle", "environment").stream()
            .allMatch(fact -> before.path(fact).toString().equals(now.path(fact).toString()));
    if (same && before.path(UNFINISHED).asBoolean()) {
      before.path("rows").forEach(earlier::add);
      earlierSeconds = before.path("seconds").asDouble();
      facts.put("started", before.path("started"));
    }
  }

  /** Notes something about the whole phase. */
  synchronized void fact(String name, Object value) {
    facts.put(name, value);
  }

  /**
   * Says what is run next, before it is.
   *
   * @param hangs adds its row, should it take longer than one may: then this process is ended
   */
  void starts(String name, Consumer<String> hangs) {
    starts(new Running(name, hangs, Deadline.in(options.caseSeconds())));
  }

  /** Says what is run next, which has a limit of its own. */
  void starts(String name) {
    starts(new Running(name, why -> {}, Deadline.in(TimeUnit.DAYS.toSeconds(1))));
  }

  private synchronized void starts(Running next) {
    running = next;
    System.out.println(next.name());
    writeUnfinished();
  }

  /** Adds a row and shows it. */
  synchronized void row(Map<String, Object> row) {
    rows.add(row);
    running = null;
    writeUnfinished();
    System.out.println(row);
  }

  /** Sets the rows that stand here until the phase is done, and has added what became of them. */
  synchronized void soFar(List<Map<String, Object>> some) {
    soFar = some;
    running = null;
    writeUnfinished();
  }

  /** Adds the row that an earlier process has found for these labels, if one has. */
  synchronized Optional<JsonNode> kept(Map<String, Object> labels) {
    JsonNode wanted = Json.tree(labels);
    Optional<JsonNode> found =
        earlier.stream()
            .filter(row -> !row.has(NOT_RUN))
            .filter(
                row ->
                    wanted.properties().stream()
                        .allMatch(label -> label.getValue().equals(row.path(label.getKey()))))
            .findFirst();
    found.ifPresent(
        row -> {
          earlier.remove(row);
          rows.add(row);
          if (row.has(PROBLEM)) {
            failed(labels + ": " + row.path(PROBLEM).asText());
          }
        });
    return found;
  }

  /** Adds a row for something that was not run, which leaves the phase incomplete. */
  void missing(Map<String, Object> row, String why) {
    row(with(row, NOT_RUN, why));
    incomplete(why);
  }

  /** Adds a row for something that is wrong. */
  void wrong(Map<String, Object> row, String why) {
    row(with(row, PROBLEM, why));
    failed(row + ": " + why);
  }

  private static Map<String, Object> with(Map<String, Object> row, String name, String why) {
    Map<String, Object> added = new LinkedHashMap<>(row);
    added.put(name, why);
    return added;
  }

  /** Says that the next process has something left to do. */
  synchronized void left(String why) {
    unfinished = true;
    incomplete(why);
  }

  private synchronized void incomplete(String why) {
    if (status == Status.DONE) {
      status = Status.INCOMPLETE;
      reason = why;
    }
  }

  /** Says that nothing could be run. */
  synchronized void notRun(String why) {
    if (rows.isEmpty()) {
      status = Status.NOT_RUN;
      reason = why;
    } else {
      failed(why);
    }
  }

  /** Says that something is wrong; the first reason stays. */
  synchronized void failed(String why) {
    if (status != Status.FAILED) {
      status = Status.FAILED;
      reason = why;
    }
  }

  /** Says that what is being run has thrown an exception, which nothing is left to do after. */
  synchronized void threw(RuntimeException e) {
    failed(running == null ? e.toString() : running.name() + ": " + e);
  }

  synchronized Status status() {
    return status;
  }

  /** What hangs can't be interrupted; so the process ends. */
  private void watch() {
    try {
      Running hung = overdue();
      for (; hung == null; hung = overdue()) {
        Thread.sleep(LOOK_MILLIS);
      }
      String why = "no end within %.0f s".formatted(options.caseSeconds());
      failed(hung.name() + ": " + why);
      hung.hangs().accept(why);
      left(why);
      write();
      Runtime.getRuntime().halt(1);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private synchronized Running overdue() {
    return running != null && running.deadline().left() < 0 ? running : null;
  }

  private Path file() {
    return options.results().resolve(options.phase() + ".json");
  }

  /** What stands in the file should the process end now. */
  private void writeUnfinished() {
    String ended = running == null ? "ended before it was done" : "ended within " + running.name();
    write(Status.FAILED, reason.isEmpty() ? ended : reason + "; " + ended, true);
  }

  /** Writes {@code <phase>.json} and shows how the phase ended. */
  synchronized void write() {
    running = null;
    write(status, reason, unfinished);
    System.out.printf("%s: %s %s%n", options.phase(), status.label(), reason);
  }

  private void write(Status as, String why, boolean more) {
    Map<String, Object> object = new LinkedHashMap<>(facts);
    object.put("status", as.label());
    object.put("reason", why);
    object.put(UNFINISHED, more);
    object.put("seconds", earlierSeconds + (System.nanoTime() - start) / 1e9);
    List<Object> all = new ArrayList<>(rows);
    if (more) {
      all.addAll(earlier);
      all.addAll(soFar);
    }
    object.put("rows", all);
    Json.write(file(), object);
  }
}
