package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.commons.support.HierarchyTraversalMode.TOP_DOWN;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * Fuzzes each reader by Jazzer, led by coverage, for {@code -Dfuzz.seconds}. A process fuzzes one
 * of them, from the inputs that are committed and what earlier runs found. An input that does harm
 * is written beside the committed ones, so that it is one of them from then on.
 */
class FuzzFaults {
  private static final Pattern DONE = Pattern.compile("Done (\\d+) runs in");
  private static final int SECONDS = Integer.getInteger("fuzz.seconds", 6);
  private static final int SOME = 6;
  private static final int SECONDS_TO_START = 120;

  /** In less time than this the second compiler costs more than it gains. */
  private static final int SECONDS_FOR_THE_JIT = 6;

  static List<Method> readers() {
    return Tier.picked(
        SOME,
        ReflectionSupport.findAllClassesInPackage(
                "io.github.wandacuda", type -> true, name -> name.endsWith("FuzzTest"))
            .stream()
            .flatMap(
                type ->
                    AnnotationSupport.findAnnotatedMethods(type, FuzzTest.class, TOP_DOWN).stream())
            .toList());
  }

  @ParameterizedTest
  @MethodSource("readers")
  void nothingButRefusals(Method reader) throws IOException {
    List<String> command = new ArrayList<>(List.of("-Xmx2g", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-XX:+EnableDynamicAgentLoading", "--add-modules=jdk.incubator.vector"));
    if (SECONDS < SECONDS_FOR_THE_JIT) {
      command.add("-XX:TieredStopAtLevel=1");
    }
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.add("com.code_intelligence.jazzer.Jazzer");
    command.add("--target_class=" + reader.getDeclaringClass().getName());
    command.add("--target_method=" + reader.getName());
    command.add("--instrumentation_includes=io.github.wandacuda.**:com.fasterxml.jackson.core.**");
    command.add("--custom_hook_excludes=java.**");
    // Recipes and allocations hold regular expressions, which NamePatterns bounds.
    command.add("--disabled_hooks=com.code_intelligence.jazzer.sanitizers.RegexInjection");
    command.add("-max_total_time=" + SECONDS);
    Ended outcome = Command.java(command).within(SECONDS + SECONDS_TO_START).run().succeeds();
    Matcher done = DONE.matcher(outcome.said());
    assertThat(done.find()).as(outcome.said()).isTrue();
    FaultCounts.add(Long.parseLong(done.group(1)), "fuzz executions");
  }
}
