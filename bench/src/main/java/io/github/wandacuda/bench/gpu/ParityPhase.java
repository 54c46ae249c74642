package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import io.github.wandacuda.bench.common.Json;
import io.github.wandacuda.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the tests that are tagged {@code gpu} or, on this backend, {@code operation}, but for those
 * that are about the pretend driver, one class after the other. Tests that name the other backend
 * are left to its own phase, and in a small run those that a build leaves to its profile {@code
 * all}.
 */
final class ParityPhase implements Phase {
  private static final List<String> COUNTS = List.of("passed", "failed", "skipped");

  private final PhaseOptions options;
  private final BackendNames names;
  private final Launcher launcher = LauncherFactory.create();
  private final Map<String, Integer> sums = new HashMap<>();

  ParityPhase(PhaseOptions options) {
    this.options = options;
    names = new BackendNames(options.backend());
  }

  @Override
  public void run(PhaseResult result) {
    Optional<DeviceDescription> device = usable(options.backend());
    if (device.isEmpty()) {
      result.notRun(whyNot(options.backend()));
      return;
    }
    result.fact("device", device.get().name());
    System.setProperty("tested.backends", options.backend());
    List<String> left = new ArrayList<>();
    for (String name : classes()) {
      result
          .kept(Map.of("test", TestTally.simple(name)))
          .ifPresentOrElse(row -> count(row, result), () -> left.add(name));
    }
    for (String name : left) {
      if (options.deadline().left() < 0) {
        result.left("the phase's time was over before " + TestTally.simple(name));
        return;
      }
      run(name, result);
    }
    if (sums.getOrDefault("passed", 0) == 0) {
      result.failed("no test passed");
    }
  }

  private Set<String> classes() {
    Path tests = options.home().resolve("lib/tests.jar");
    TestPlan plan =
        launcher.discover(request(DiscoverySelectors.selectClasspathRoots(Set.of(tests))));
    Set<String> names = new TreeSet<>();
    for (TestIdentifier engine : plan.getRoots()) {
      for (TestIdentifier test : plan.getChildren(engine)) {
        if (test.getSource().orElse(null) instanceof ClassSource source) {
          names.add(source.getClassName());
        }
      }
    }
    return names;
  }

  private void run(String name, PhaseResult result) {
    TestTally tally =
        new TestTally(
            name,
            names::concerns,
            (test, running) ->
                result.starts(
                    test,
                    why -> {
                      running.hangs(why);
                      add(running.row(), result);
                    }));
    launcher.execute(request(List.of(DiscoverySelectors.selectClass(name))), tally);
    add(tally.row(), result);
  }

  private void add(Map<String, Object> row, PhaseResult result) {
    count(Json.tree(row), result);
    result.row(row);
  }

  private void count(JsonNode row, PhaseResult result) {
    for (String each : COUNTS) {
      result.fact(each, sums.merge(each, row.path(each).asInt(), Integer::sum));
    }
    if (row.path("failed").asInt() > 0) {
      result.failed(row.path("reason").asText());
    }
  }

  private LauncherDiscoveryRequest request(List<? extends DiscoverySelector> selectors) {
    PostDiscoveryFilter ours =
        test -> FilterResult.includedIf(names.concerns(test.getUniqueId().toString()));
    return LauncherDiscoveryRequestBuilder.request()
        .selectors(selectors)
        .configurationParameter("jqwik.database", "")
        // So that it is known which test hangs.
        .configurationParameter("junit.jupiter.execution.parallel.enabled", "false")
        .filters(
            TagFilter.includeTags("gpu", "operation"),
            TagFilter.excludeTags(
                options.small() ? List.of("pretend", "thorough") : List.of("pretend")),
            ours)
        .build();
  }

  /** Returns the first usable device of a backend. */
  static Optional<DeviceDescription> usable(String backend) {
    return devices(backend).stream().filter(DeviceDescription::usable).findFirst();
  }

  /** Returns why a backend has no usable device. */
  static String whyNot(String backend) {
    return devices(backend).stream()
        .map(DeviceDescription::reason)
        .findFirst()
        .orElse("this build has no backend " + backend);
  }

  private static List<DeviceDescription> devices(String backend) {
    Predicate<BackendProvider> wanted = provider -> provider.name().equals(backend);
    return Backends.providers().stream()
        .filter(wanted)
        .findFirst()
        .map(BackendProvider::devices)
        .orElse(List.of());
  }
}
