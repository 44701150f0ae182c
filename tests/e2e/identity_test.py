# SPDX-License-Identifier: Apache-2.0
"""In whose name a request runs: impersonation, rights that are given away, and bodies
that come later than their heads.
usage: PROGRAM"""
import json
import sys
import unittest

from server import Server

PROGRAM = sys.argv.pop(1)
CORE = "/api/v1/namespaces/default"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Identity(unittest.TestCase):
    def setUp(self):
        self.s = Server(PROGRAM).start()
        self.addCleanup(self.s.close)

    def make(self, path, body):
        status, answer = self.s.request("POST", path, body)
        self.assertEqual(status, 201, answer)
        return answer

    def proxy(self, *rules):
        """A token of an account that has these rights in the whole cluster."""
        self.make(f"{CORE}/serviceaccounts", {"metadata": {"name": "proxy"}})
        self.make(f"{RBAC}/clusterroles", {"metadata": {"name": "proxy"}, "rules": [
            {"apiGroups": [""], "verbs": ["impersonate"], **rule} for rule in rules]})
        self.make(f"{RBAC}/clusterrolebindings", {
            "metadata": {"name": "proxy"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                        "name": "proxy"},
            "subjects": [{"kind": "ServiceAccount", "name": "proxy", "namespace": "default"}]})
        return self.make(f"{CORE}/serviceaccounts/proxy/token", {"spec": {}})["status"]["token"]

    def become(self, token, user, *groups):
        """Who the request is from then, or its status."""
        # two fields of one name: http.client takes a dictionary, field names have no case
        names = ["Impersonate-Group", "impersonate-group"]
        headers = {"Authorization": "Bearer " + token, "Impersonate-User": user,
                   **dict(zip(names, groups))}
        status, answer = self.s.request("POST", SELF, {"kind": "SelfSubjectReview",
                                        "apiVersion": "authentication.k8s.io/v1"}, headers)
        if status != 201:
            return status
        info = answer["status"]["userInfo"]
        return info["username"], sorted(info["groups"])

    def test_each_group_takes_a_right_of_its_own(self):
        token = self.proxy({"resources": ["users"], "resourceNames": ["bob"]},
                           {"resources": ["groups"], "resourceNames": ["devs", "ops"]})
        everybody = "system:authenticated"
        self.assertEqual(self.become(token, "bob"), ("bob", [everybody]))
        self.assertEqual(self.become(token, "bob", "devs"), ("bob", ["devs", everybody]))
        self.assertEqual(self.become(token, "bob", "ops", "devs"),
                         ("bob", ["devs", "ops", everybody]))
        self.assertEqual(self.become(token, "carol"), 403)
        self.assertEqual(self.become(token, "bob", "system:masters"), 403)
        self.assertEqual(self.become(token, "bob", "devs", "system:masters"), 403)
        self.assertEqual(self.become(token, "bob", "system:masters", "devs"), 403)

    def test_groups_of_an_account(self):
        token = self.proxy({"resources": ["serviceaccounts"], "resourceNames": ["agent"]},
                           {"resources": ["groups"], "resourceNames": ["devs"]})
        name = "system:serviceaccount:default:agent"
        self.assertEqual(self.become(token, name), (name, [
            "system:authenticated", "system:serviceaccounts", "system:serviceaccounts:default"]))
        self.assertEqual(self.become(token, name, "devs"), (name, ["devs", "system:authenticated"]))
        self.assertEqual(self.become(token, name, "system:masters"), 403)
        self.assertEqual(self.become(token, "system:serviceaccount:default:other"), 403)

    def test_nobody_becomes_known_as_anonymous(self):
        self.assertEqual(self.become(self.s.token, "system:anonymous"), 403)
        self.assertEqual(self.become(self.s.token, "system:admin"),
                         ("system:admin", ["system:authenticated"]))

    def ask(self, token, method, path, body, kind="application/json"):
        return self.s.request(method, path, body, {"Authorization": "Bearer " + token,
                                                   "Content-Type": kind})[0]

    ROLES = f"{RBAC}/namespaces/default/roles"
    BINDINGS = f"{RBAC}/namespaces/default/rolebindings"
    WRITES = {"apiGroups": ["rbac.authorization.k8s.io"], "verbs": ["create", "update", "patch"],
              "resources": ["roles", "rolebindings", "clusterrolebindings"]}
    READS = {"apiGroups": ["", "apps"], "resources": ["configmaps", "pods/log"],
             "verbs": ["get", "list"]}

    @staticmethod
    def role(name, *rules):
        return {"metadata": {"name": name}, "rules": rules}

    @staticmethod
    def binding(name, role, kind="Role"):
        return {"metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": "proxy", "namespace": "default"}]}

    def test_nobody_writes_a_role_beyond_his_own_rights(self):
        token = self.proxy(self.WRITES, self.READS)
        one = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
        held = [one, {**one, "apiGroups": ["", "apps"]}, {**one, "resources": ["pods/log"]},
                {**one, "verbs": ["list", "get"]}, {**one, "resourceNames": ["a", "b"]}]
        more = [{**one, "verbs": ["get", "delete"]}, {**one, "verbs": ["*"]},
                {**one, "apiGroups": ["", "batch"]}, {**one, "apiGroups": ["*"]},
                {**one, "resources": ["configmaps", "pods"]}, {**one, "resources": ["*"]},
                {**one, "resources": ["pods/exec"]},
                {"nonResourceURLs": ["/metrics"], "verbs": ["get"]},
                {**one, "resourceNames": [f"n{i}" for i in range(10001)]}]
        for i, rule in enumerate(held):
            self.assertEqual(self.ask(token, "POST", self.ROLES, self.role(f"held{i}", rule)), 201)
        for i, rule in enumerate(more):
            role = self.role(f"more{i}", one, rule)
            self.assertEqual(self.ask(token, "POST", self.ROLES, role), 403, rule)
            role = self.role("held0", rule)
            self.assertEqual(self.ask(token, "PUT", f"{self.ROLES}/held0", role), 403)
        self.make(self.ROLES, self.role("more0", more[0]))
        label = {"metadata": {"labels": {"a": "b"}}}
        merge = "application/merge-patch+json"
        self.assertEqual(self.ask(token, "PATCH", f"{self.ROLES}/more0", label, merge), 200)

    def test_nobody_binds_a_role_beyond_his_own_rights(self):
        token = self.proxy(self.WRITES, self.READS)
        self.make(self.ROLES, self.role("reads", self.READS))
        self.make(self.ROLES, self.role("more", {**self.READS, "verbs": ["delete"]}))
        everywhere = f"{RBAC}/clusterrolebindings"
        for body, path, status in (
                (self.binding("b", "reads"), self.BINDINGS, 201),
                (self.binding("c", "more"), self.BINDINGS, 403),
                (self.binding("d", "none"), self.BINDINGS, 403),
                (self.binding("e", "cluster-admin", "ClusterRole"), self.BINDINGS, 403),
                (self.binding("f", "cluster-admin", "ClusterRole"), everywhere, 403)):
            self.assertEqual(self.ask(token, "POST", path, body), status, body)
        self.make(self.BINDINGS, {**self.binding("others", "more"), "subjects": []})
        path = f"{self.BINDINGS}/others"
        self.assertEqual(self.ask(token, "PUT", path, self.binding("others", "more")), 403)

    def test_who_may_escalate_or_bind(self):
        token = self.proxy(self.WRITES, {**self.WRITES, "verbs": ["escalate"]},
                           {**self.WRITES, "verbs": ["bind"], "resourceNames": ["more"]})
        for name, verb in (("more", "delete"), ("other", "update")):
            rule = {**self.READS, "verbs": [verb]}
            self.assertEqual(self.ask(token, "POST", self.ROLES, self.role(name, rule)), 201)
        self.assertEqual(self.ask(token, "POST", self.BINDINGS, self.binding("b", "more")), 201)
        self.assertEqual(self.ask(token, "POST", self.BINDINGS, self.binding("c", "other")), 403)

    def test_creating_by_apply_takes_the_right_to_create(self):
        rule = {"resources": ["configmaps", "pods"], "verbs": ["patch", "update"]}
        token = self.proxy(rule)
        apply = "application/apply-patch+yaml"
        thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "made"}}
        path = f"{CORE}/configmaps/made?fieldManager=me"
        self.assertEqual(self.ask(token, "PATCH", path, thing, apply), 403)
        self.make(f"{CORE}/configmaps", thing)
        self.assertEqual(self.ask(token, "PATCH", path, thing, apply), 200)

    def later(self, path, body):
        """A POST whose body is held back. Returns what sends it and gives the answer's status."""
        text = json.dumps(body).encode()
        c = self.s.connect()
        self.addCleanup(c.close)
        c.putrequest("POST", path)
        for name, value in (("Authorization", "Bearer " + self.s.token),
                            ("Content-Type", "application/json"),
                            ("Content-Length", str(len(text))), ("Expect", "100-continue")):
            c.putheader(name, value)
        c.endheaders()
        first = c.sock.recv(25)  # the head was judged
        self.assertEqual(first, b"HTTP/1.1 100 Continue\r\n\r\n")

        def go_on():
            c.send(text)
            return c.getresponse().status
        return go_on

    def test_a_definition_that_changes_while_a_body_comes(self):
        group, path = "example.com", "/apis/example.com/v1/namespaces/default/things"
        self.make(DEFINITIONS, {"metadata": {"name": f"things.{group}"}, "spec": {
            "group": group, "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": True, "storage": True,
                          "schema": {"openAPIV3Schema": {"type": "object"}}}]}})
        self.s.wait("the kind", lambda: self.s.request("GET", path, raw=True)[0] == 200)
        thing = {"apiVersion": f"{group}/v1", "kind": "Thing"}
        posts = [self.later(path, {**thing, "metadata": {"name": f"t{i}"}}) for i in range(2)]
        definition = f"{DEFINITIONS}/things.{group}"
        patch = {"Content-Type": "application/merge-patch+json"}
        status, answer = self.s.request("PATCH", definition,
                                        {"metadata": {"labels": {"touched": "yes"}}}, patch)
        self.assertEqual(status, 200, answer)
        self.assertEqual(posts[0](), 201)
        self.s.request("DELETE", definition)
        self.s.wait("the kind gone", lambda: self.s.request("GET", path, raw=True)[0] == 404)
        self.assertEqual(posts[1](), 404)


if __name__ == "__main__":
    unittest.main(verbosity=2)
