package io.github.wandacuda.testing.machine;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * The path with the fewest instructions that passes each mark at least as often as is asked for,
 * barriers just as often. Where the marks are those of a kernel's usual work, that is its usual
 * path: what is rare, ends of rows above all, takes more, and what takes less passes fewer of them.
 */
final class FewestInstructions {
  private final List<MachineCode.Instruction> code;
  private final Mark[] marks;
  private final int[] wanted;

  /** The place of barriers among the marks, or -1. */
  private final int barrier;

  /**
   * A step of a path.
   *
   * @param index of the instruction
   * @param passed how often each mark was passed before it
   * @param before the step before, or null at the start
   */
  private record Step(int index, int[] passed, Step before) {}

  private FewestInstructions(MachineCode code, Map<Mark, Integer> marks) {
    this.code = code.instructions();
    this.marks = marks.keySet().toArray(Mark[]::new);
    wanted = marks.values().stream().mapToInt(Integer::intValue).toArray();
    barrier = List.of(this.marks).indexOf(Mark.BARRIER);
  }

  /**
   * Finds the path of one turn of a loop: from an instruction with a mark to the same one again. Of
   * several such instructions it is the one whose turn is shortest.
   *
   * @param start the mark; one that occurs once in a turn, if it may
   * @throws IllegalArgumentException if there is none
   */
  static PathCounts ofTurn(MachineCode code, Mark start, Map<Mark, Integer> marks) {
    FewestInstructions search = new FewestInstructions(code, marks);
    PathCounts shortest = null;
    for (int i = 0; i < search.code.size(); i++) {
      if (start.is(search.code.get(i))) {
        Step end = search.find(i);
        if (end != null) {
          PathCounts counts = search.counts(end.before);
          shortest = shortest == null || counts.all() < shortest.all() ? counts : shortest;
        }
      }
    }
    if (shortest == null) {
      throw new IllegalArgumentException("no turn passes " + marks);
    }
    return shortest;
  }

  /**
   * Goes ahead from an instruction in all directions at once, one instruction at a time, until one
   * of them comes back to it; returns null if none does.
   */
  private Step find(int start) {
    List<List<int[]>> best = new ArrayList<>();
    code.forEach(each -> best.add(new ArrayList<>()));
    ArrayDeque<Step> next = new ArrayDeque<>();
    next.add(new Step(start, new int[wanted.length], null));
    while (!next.isEmpty()) {
      Step step = next.remove();
      MachineCode.Instruction instruction = code.get(step.index);
      if (isBarrierTooMany(step, instruction)) {
        continue;
      }
      int[] passed = passed(step, instruction);
      for (int each :
          new int[] {instruction.goesOn() ? step.index + 1 : -1, instruction.target()}) {
        if (each < 0) {
          continue;
        }
        Step reached = new Step(each, passed, step);
        if (each == start && isAtLeast(passed, wanted)) {
          return reached;
        }
        if (best.get(each).stream().noneMatch(earlier -> isAsGood(earlier, passed))) {
          best.get(each).add(passed);
          next.add(reached);
        }
      }
    }
    return null;
  }

  private boolean isBarrierTooMany(Step step, MachineCode.Instruction instruction) {
    return barrier >= 0 && Mark.BARRIER.is(instruction) && step.passed[barrier] == wanted[barrier];
  }

  private boolean isAsGood(int[] earlier, int[] passed) {
    return isAtLeast(earlier, passed) && (barrier < 0 || earlier[barrier] == passed[barrier]);
  }

  private static boolean isAtLeast(int[] passed, int[] least) {
    for (int i = 0; i < least.length; i++) {
      if (passed[i] < least[i]) {
        return false;
      }
    }
    return true;
  }

  private int[] passed(Step step, MachineCode.Instruction instruction) {
    for (int i = 0; i < marks.length; i++) {
      if (marks[i].is(instruction) && step.passed[i] < wanted[i]) {
        int[] passed = step.passed.clone();
        passed[i]++;
        return passed;
      }
    }
    return step.passed;
  }

  private PathCounts counts(Step end) {
    Map<Pipe, Integer> counts = new EnumMap<>(Pipe.class);
    int barriers = 0;
    for (Step step = end; step != null; step = step.before) {
      MachineCode.Instruction instruction = code.get(step.index);
      counts.merge(Pipe.of(instruction.code()), 1, Integer::sum);
      barriers += Mark.BARRIER.is(instruction) ? 1 : 0;
    }
    return new PathCounts(counts, barriers);
  }
}
