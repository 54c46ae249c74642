package io.github.wandacuda.system;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Hands out the tasks of jobs. A worker stays with a job until all of its tasks are handed out, and
 * then moves to the first job whose lane has the fewest workers. So workers use different lanes
 * while there are enough, and none idles while there are tasks.
 */
final class JobQueue {
  private static final int NONE = -1;

  private final List<? extends Job> jobs;
  private final int[] laneOf;
  private final int[] next;
  private final int[] jobOf;
  private final int[] workersIn;

  /** All tasks of the jobs before this one are handed out. */
  private int first;

  JobQueue(List<? extends Job> jobs, int workers) {
    this.jobs = jobs;
    Map<Object, Integer> lanes = new HashMap<>();
    laneOf = jobs.stream().mapToInt(job -> number(lanes, job.lane())).toArray();
    workersIn = new int[lanes.size()];
    next = new int[jobs.size()];
    jobOf = new int[workers];
    Arrays.fill(jobOf, NONE);
  }

  private static int number(Map<Object, Integer> lanes, Object lane) {
    return lanes.computeIfAbsent(lane, unseen -> lanes.size());
  }

  /** A task of a job. */
  record Task(Job job, int number) {
    void run(int worker) {
      job.run(worker, number);
    }
  }

  /** Returns the number of tasks of all jobs, which is how many can be taken. */
  int tasks() {
    return Math.toIntExact(jobs.stream().mapToLong(Job::tasks).sum());
  }

  /** Returns a worker's next task. */
  synchronized Task take(int worker) {
    if (jobOf[worker] == NONE || isHandedOut(jobOf[worker])) {
      move(worker);
    }
    int job = jobOf[worker];
    return new Task(jobs.get(job), next[job]++);
  }

  private boolean isHandedOut(int job) {
    return next[job] == jobs.get(job).tasks();
  }

  private void move(int worker) {
    if (jobOf[worker] != NONE) {
      workersIn[laneOf[jobOf[worker]]]--;
    }
    jobOf[worker] = leastCrowded();
    workersIn[laneOf[jobOf[worker]]]++;
  }

  private int leastCrowded() {
    while (isHandedOut(first)) {
      first++;
    }
    int best = first;
    for (int job = first; job < jobs.size() && crowd(best) > 0; job++) {
      if (!isHandedOut(job) && crowd(job) < crowd(best)) {
        best = job;
      }
    }
    return best;
  }

  private int crowd(int job) {
    return workersIn[laneOf[job]];
  }
}
