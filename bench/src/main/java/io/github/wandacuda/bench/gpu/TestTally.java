package io.github.wandacuda.bench.gpu;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/** Counts the tests of a class, and keeps why the first of them failed or didn't run. */
final class TestTally implements TestExecutionListener {
  private final String className;
  private final Predicate<String> wanted;
  private final BiConsumer<String, TestTally> starting;
  private final Map<String, Long> starts = new ConcurrentHashMap<>();
  private TestPlan plan;
  private TestIdentifier running;
  private int passed;
  private int failed;
  private int skipped;
  private long nanos;
  private String reason = "";

  /**
   * Starts at nothing.
   *
   * @param className the class that is run
   * @param wanted whether a test counts, by its display names from its class down
   * @param starting is told of one before it runs
   */
  TestTally(String className, Predicate<String> wanted, BiConsumer<String, TestTally> starting) {
    this.className = className;
    this.wanted = wanted;
    this.starting = starting;
  }

  @Override
  public void testPlanExecutionStarted(TestPlan testPlan) {
    plan = testPlan;
  }

  @Override
  public void executionStarted(TestIdentifier test) {
    starts.put(test.getUniqueId(), System.nanoTime());
    if (test.isTest()) {
      running = test;
      starting.accept(path(test), this);
    }
  }

  @Override
  public synchronized void executionSkipped(TestIdentifier test, String why) {
    if (wanted.test(path(test))) {
      skipped(why);
    }
  }

  @Override
  public synchronized void executionFinished(TestIdentifier test, TestExecutionResult result) {
    boolean successful = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
    // Of containers only failures matter, such as that of a method that runs before all tests.
    if (!wanted.test(path(test)) || (successful && !test.isTest())) {
      return;
    }
    long now = System.nanoTime();
    nanos += now - starts.getOrDefault(test.getUniqueId(), now);
    String why = result.getThrowable().map(TestTally::firstLine).orElse("");
    switch (result.getStatus()) {
      case SUCCESSFUL -> passed++;
      case ABORTED -> skipped(why);
      case FAILED -> {
        failed(test, why);
        result.getThrowable().ifPresent(Throwable::printStackTrace);
      }
    }
  }

  /** Counts the test that is running as one that failed. */
  synchronized void hangs(String why) {
    failed(running, why);
  }

  private void failed(TestIdentifier test, String why) {
    reason = failed == 0 ? path(test) + ": " + why : reason;
    failed++;
  }

  private void skipped(String why) {
    skipped++;
    reason = reason.isEmpty() ? why : reason;
  }

  private static String firstLine(Throwable thrown) {
    String text = thrown.getMessage() == null ? thrown.toString() : thrown.getMessage();
    return text.lines().filter(line -> !line.isBlank()).findFirst().orElse("").strip();
  }

  private String path(TestIdentifier test) {
    String own = test.getDisplayName();
    return plan.getParent(test)
        .filter(parent -> plan.getParent(parent).isPresent())
        .map(parent -> path(parent) + " > " + own)
        .orElse(className);
  }

  /** Returns what was counted. */
  synchronized Map<String, Object> row() {
    Map<String, Object> row = new LinkedHashMap<>();
    row.put("test", simple(className));
    row.put("passed", passed);
    row.put("failed", failed);
    row.put("skipped", skipped);
    row.put("seconds", nanos / 1e9);
    row.put("reason", reason);
    return row;
  }

  /** Returns a class's name without its package. */
  static String simple(String className) {
    return className.substring(className.lastIndexOf('.') + 1);
  }
}
