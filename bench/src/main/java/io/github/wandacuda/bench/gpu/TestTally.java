package io.github.wandacuda.bench.gpu;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Predicate;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Counts tests by their class, and keeps why some failed or didn't run. */
final class TestTally implements TestExecutionListener {
  private final Predicate<String> wanted;
  private final Map<String, Counts> classes = new TreeMap<>();
  private final Map<String, Long> starts = new ConcurrentHashMap<>();
  private final List<String> failures = new ArrayList<>();
  private final List<String> skips = new ArrayList<>();
  private TestPlan plan;

  /**
   * Starts at nothing.
   *
   * @param wanted whether a test counts, by its display names from its class down
   */
  TestTally(Predicate<String> wanted) {
    this.wanted = wanted;
  }

  private static final class Counts {
    private int passed;
    private int failed;
    private int skipped;
    private long nanos;
    private String reason = "";
  }

  @Override
  public void testPlanExecutionStarted(TestPlan testPlan) {
    plan = testPlan;
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    starts.put(test.getUniqueId(), System.nanoTime());
  }

  @Override
  public synchronized void executionSkipped(TestIdentifier test, String reason) {
    if (wanted.test(path(test))) {
      skipped(test, reason);
    }
  }

  @Override
  public synchronized void executionFinished(TestIdentifier test, TestExecutionResult result) {
    boolean passed = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
    // Of containers only failures matter, such as that of a method that runs before all tests.
    if (!wanted.test(path(test)) || (passed && !test.isTest())) {
      return;
    }
    Counts counts = counts(test);
    long now = System.nanoTime();
    counts.nanos += now - starts.getOrDefault(test.getUniqueId(), now);
    String reason = result.getThrowable().map(TestTally::firstLine).orElse("");
    switch (result.getStatus()) {
      case SUCCESSFUL -> counts.passed++;
      case ABORTED -> skipped(test, reason);
      case FAILED -> {
        counts.failed++;
        counts.reason = test.getDisplayName() + ": " + reason;
        failures.add(path(test) + ": " + reason);
        result.getThrowable().ifPresent(Throwable::printStackTrace);
      }
    }
  }

  private void skipped(TestIdentifier test, String reason) {
    Counts counts = counts(test);
    counts.skipped++;
    skips.add(reason);
    if (counts.reason.isEmpty()) {
      counts.reason = reason;
    }
  }

  private static String firstLine(Throwable thrown) {
    String text = thrown.getMessage() == null ? thrown.toString() : thrown.getMessage();
    return text.lines().filter(line -> !line.isBlank()).findFirst().orElse("").strip();
  }

  private Counts counts(TestIdentifier test) {
    return classes.computeIfAbsent(className(test), name -> new Counts());
  }

  /** Returns the class that a test is run in, which may have inherited it. */
  private String className(TestIdentifier test) {
    for (Optional<TestIdentifier> at = Optional.of(test); at.isPresent(); at = parent(at.get())) {
      if (at.get().getSource().orElse(null) instanceof ClassSource source) {
        return source.getClassName();
      }
    }
    return test.getDisplayName();
  }

  private String path(TestIdentifier test) {
    String own = test.getDisplayName();
    return parent(test)
        .filter(parent -> parent(parent).isPresent())
        .map(parent -> path(parent) + " > " + own)
        .orElse(className(test) + " > " + own);
  }

  private Optional<TestIdentifier> parent(TestIdentifier test) {
    return plan.getParent(test);
  }

  /** Returns a row for each class. */
  synchronized List<Map<String, Object>> rows() {
    List<Map<String, Object>> rows = new ArrayList<>();
    classes.forEach(
        (name, counts) -> {
          Map<String, Object> row = new LinkedHashMap<>();
          row.put("test", name.substring(name.lastIndexOf('.') + 1));
          row.put("passed", counts.passed);
          row.put("failed", counts.failed);
          row.put("skipped", counts.skipped);
          row.put("seconds", counts.nanos / 1e9);
          row.put("reason", counts.reason);
          rows.add(row);
        });
    return rows;
  }

  synchronized int passed() {
    return classes.values().stream().mapToInt(counts -> counts.passed).sum();
  }

  synchronized int failed() {
    return classes.values().stream().mapToInt(counts -> counts.failed).sum();
  }

  synchronized int skipped() {
    return classes.values().stream().mapToInt(counts -> counts.skipped).sum();
  }

  synchronized String firstFailure() {
    return failures.isEmpty() ? "" : failures.get(0);
  }

  synchronized String firstSkip() {
    return skips.isEmpty() ? "none was found" : skips.get(0);
  }
}
