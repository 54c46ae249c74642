package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.OutputOptions;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.MachineFacts;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** What all commands have, with the time of a command from the start of its process. */
@Command(footerHeading = "%n", mixinStandardHelpOptions = true)
abstract class Subcommand implements Runnable {
  @Mixin OutputOptions output;

  private final double start = MachineFacts.processAge();
  private final long begin = System.nanoTime();
  private double prepare;
  private double allocate;
  private double evaluate;

  double totalSeconds() {
    return start + since(begin);
  }

  private static double since(long nanos) {
    return (System.nanoTime() - nanos) / 1e9;
  }

  /** Called when all is read, checked and open that a run works with, right before it begins. */
  void prepared() {
    prepare = since(begin) - allocate - evaluate;
  }

  <T> T allocating(Supplier<T> work) {
    long before = System.nanoTime();
    T result = work.get();
    allocate += since(before);
    return result;
  }

  <T> T evaluating(Supplier<T> work) {
    long before = System.nanoTime();
    T result = work.get();
    evaluate += since(before);
    return result;
  }

  /** Returns the result of a command that has written a place, beside its time and memory. */
  static Map<String, Object> written(
      Path place, Map<String, Object> result, double seconds, MemoryWatch memory) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("output", place.toString());
    object.putAll(result);
    object.put("seconds", Map.of("total", seconds));
    object.putAll(memory.peaks());
    return object;
  }

  /** Returns the seconds until now, of which a run was a part. */
  PhaseClock.Seconds around(PhaseClock.Seconds run) {
    return run.within(totalSeconds(), start, prepare, allocate, evaluate);
  }
}
