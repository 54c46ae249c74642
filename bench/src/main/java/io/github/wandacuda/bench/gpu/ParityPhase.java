package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.BackendProvider;
import io.github.wandacuda.backend.Backends;
import io.github.wandacuda.backend.DeviceDescription;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TagFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/**
 * Runs the tests that are tagged {@code gpu} or, on this backend, {@code operation}, but for those
 * that are about the pretend driver. Tests that name the other backend are left to its own phase.
 */
final class ParityPhase implements Phase {
  private final PhaseOptions options;
  private final BackendNames names;

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
    TestTally tally = new TestTally(names::concerns);
    LauncherFactory.create().execute(request(), tally);
    tally.rows().forEach(result::row);
    result.fact("passed", tally.passed());
    result.fact("failed", tally.failed());
    result.fact("skipped", tally.skipped());
    if (tally.failed() > 0) {
      result.failed(tally.failed() + " tests failed, first " + tally.firstFailure());
    } else if (tally.passed() == 0) {
      result.notRun("no test ran: " + tally.firstSkip());
    }
  }

  private LauncherDiscoveryRequest request() {
    Path tests = options.home().resolve("lib/tests.jar");
    PostDiscoveryFilter ours =
        test -> FilterResult.includedIf(names.concerns(test.getUniqueId().toString()));
    return LauncherDiscoveryRequestBuilder.request()
        .selectors(DiscoverySelectors.selectClasspathRoots(Set.of(tests)))
        .configurationParameter("jqwik.database", "")
        .filters(TagFilter.includeTags("gpu", "operation"), TagFilter.excludeTags("pretend"), ours)
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
