// The form: one field for each question, by click or key.
import { element } from "./api.js";

export class Questions {
  constructor(form, questions, t, changed) {
    this.form = form;
    this.questions = questions;
    this.t = t;
    this.changed = changed;
    this.answers = {};
    this.marks = [];
  }

  // Draws the form anew, with answers given before.
  ask(answers = {}) {
    this.answers = {};
    this.marks = [];
    const fields = this.questions.map((question) => this.field(question, answers[question.id]));
    this.send = element("button", { type: "submit", id: "send", textContent: this.t.send });
    this.form.replaceChildren(...fields, this.send);
    this.update();
  }

  field(question, given) {
    const field = element("fieldset", { id: `q-${question.id}` }, element("legend", { textContent: question.ask }));
    if (question.type === "marks") {
      this.marks = (given || []).map((mark) => ({ ...mark }));
      this.answers[question.id] = this.marks;
      this.list = element("ol", { className: "marks" });
      field.append(element("p", { textContent: this.t["marks-help"] }), this.list);
      this.listMarks(question);
      return field;
    }
    const choices = this.choices(question);
    const box = element("div", { className: question.type === "options" ? "choices column" : "choices" });
    choices.forEach(({ value, text, key }, index) => {
      const input = element("input", { type: "radio", name: question.id, value: String(index) });
      input.checked = given === value;
      input.addEventListener("change", () => {
        this.answers[question.id] = value;
        this.update();
      });
      if (input.checked) this.answers[question.id] = value;
      const label = element("label", { className: "choice", "data-key": key });
      const first = text.slice(0, 1).toLowerCase() === key;
      const [marked, rest] = first ? [text.slice(0, 1), text.slice(1)] : [key, ` ${text}`];
      label.append(input, element("span", {}, element("kbd", { textContent: marked }), rest));
      box.append(label);
    });
    field.append(box);
    if (question.type === "rating" && (question.low || question.high)) {
      field.append(element("p", { className: "ends" }, element("span", { textContent: question.low ? `1 = ${question.low}` : "" }), element("span", { textContent: question.high ? `${question.points} = ${question.high}` : "" })));
    }
    return field;
  }

  choices(question) {
    const { t } = this;
    const first = (text) => text.slice(0, 1).toLowerCase();
    switch (question.type) {
      case "yes-no":
        return [{ value: true, text: t.yes, key: first(t.yes) }, { value: false, text: t.no, key: first(t.no) }];
      case "side":
        return [{ value: "left", text: t.left, key: first(t.left) }, { value: "right", text: t.right, key: first(t.right) }];
      case "rating":
        return Array.from({ length: question.points }, (_, i) => ({ value: i + 1, text: String(i + 1), key: String(i + 1) }));
      default:
        return question.options.map((option, i) => ({ value: option.id, text: option.text, key: String(i + 1) }));
    }
  }

  addMark(place) {
    const question = this.questions.find((one) => one.type === "marks");
    if (!question || this.marks.length >= question.most) return;
    const round = (number) => Math.round(number * 100) / 100;
    this.marks.push({ x: round(place.x), y: round(place.y), slice: place.slice, rating: question.points === 1 ? 1 : 0 });
    this.listMarks(question);
    this.update();
    const added = this.list.lastElementChild.querySelector("select");
    if (added) added.focus();
  }

  listMarks(question) {
    const { t } = this;
    this.list.replaceChildren(...this.marks.map((mark, index) => {
      const row = element("li", {}, element("span", { textContent: `${t.mark} ${index + 1}` }));
      if (question.points > 1) {
        const select = element("select", { "aria-label": `${t["rate-mark"]}, ${t.mark} ${index + 1}` });
        select.append(element("option", { value: "0", textContent: "–" }), ...Array.from({ length: question.points }, (_, i) => element("option", { value: String(i + 1), textContent: String(i + 1) })));
        select.value = String(mark.rating);
        select.addEventListener("change", () => {
          mark.rating = Number(select.value);
          this.update();
        });
        row.append(select);
      }
      const remove = element("button", { type: "button", className: "plain", textContent: t["delete-mark"] });
      remove.addEventListener("click", () => {
        this.marks.splice(index, 1);
        this.listMarks(question);
        this.update();
      });
      row.append(remove);
      return row;
    }));
  }

  complete() {
    return this.questions.every((question) => question.id in this.answers) && this.marks.every((mark) => mark.rating > 0);
  }

  update() {
    this.send.disabled = !this.complete();
    this.changed(this.marks);
  }

  // A key chooses in the first unanswered question that knows it, else in the first that does.
  press(key) {
    const known = this.questions.filter((question) => this.form.querySelector(`#q-${question.id} [data-key="${CSS.escape(key)}"]`));
    const question = known.find((one) => !(one.id in this.answers)) || known[0];
    if (!question) return false;
    const input = this.form.querySelector(`#q-${question.id} [data-key="${CSS.escape(key)}"] input`);
    input.click();
    return true;
  }

  // What the answers are where the time is up: none for what was left out.
  forced() {
    return Object.fromEntries(this.questions.map((question) => [question.id, question.id in this.answers ? this.answers[question.id] : null]));
  }
}
